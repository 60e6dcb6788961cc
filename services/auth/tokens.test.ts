import assert from "node:assert/strict";
import { createPrivateKey, type KeyObject, randomUUID } from "node:crypto";
import { test } from "node:test";
import { type CryptoKey, decodeJwt, decodeProtectedHeader, exportPKCS8, generateKeyPair, SignJWT } from "jose";
import { createTestClock } from "../../tests/support/clock.ts";
import { permissionsOf } from "./permissions.ts";
import { accessTokenLifeMs, createAccessTokens } from "./tokens.ts";

interface Pair {
  publicKey: CryptoKey;
  privateKey: KeyObject;
}

async function makePair(): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { publicKey, privateKey: createPrivateKey(await exportPKCS8(privateKey)) };
}

const claims = {
  userId: randomUUID(),
  username: "ada",
  sessionId: randomUUID(),
  permissions: permissionsOf(["player"]),
};
const ours = await makePair();
const others = await makePair();
const clock = createTestClock(new Date("2026-01-01T00:00:00.500Z"));
const keys = {
  signer: () => ({ keyId: "k1", privateKey: ours.privateKey }),
  verifier: (keyId: string) => (keyId === "k1" ? ours.publicKey : undefined),
};
const tokens = createAccessTokens(keys, clock.now);

/** A token like ours but for what is changed. */
function forge(change: { claims?: object; header?: object; key?: KeyObject } = {}): Promise<string> {
  const now = Math.floor(clock.now().getTime() / 1_000);
  const good = { iss: "game-auth-service", aud: "game", sub: claims.userId, name: "ada", sid: claims.sessionId };
  return new SignJWT({ ...good, permissions: ["auth:admin"], iat: now, exp: now + 900, ...change.claims })
    .setProtectedHeader({ alg: "ES256", kid: "k1", ...change.header })
    .sign(change.key ?? ours.privateKey);
}

test("a token says who, in which session and what is allowed, for 15 minutes", async () => {
  const { token, expireTime } = await tokens.issue(claims);
  const now = Date.parse("2026-01-01T00:00:00Z") / 1_000;
  assert.deepEqual(decodeProtectedHeader(token), { alg: "ES256", kid: "k1", typ: "JWT" });
  assert.deepEqual(decodeJwt(token), {
    iss: "game-auth-service",
    aud: "game",
    sub: claims.userId,
    name: "ada",
    sid: claims.sessionId,
    permissions: claims.permissions,
    iat: now,
    exp: now + 900,
  });
  assert.deepEqual(await tokens.read(token), { ...claims, expireTime });
});

test("a forged token is invalid, whatever is forged", async () => {
  assert.equal(typeof (await tokens.read(await forge())), "object", "the forgery differs in nothing else");
  const none = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const [header, payload, signature] = (await forge()).split(".") as [string, string, string];
  const secret = createPrivateKey(ours.privateKey.export({ type: "pkcs8", format: "pem" }));
  const forgeries = {
    "no algorithm": `${none({ alg: "none", kid: "k1" })}.${payload}.`,
    "no algorithm, old signature": `${none({ alg: "none", kid: "k1" })}.${payload}.${signature}`,
    "a shared secret": await new SignJWT({ iss: "game-auth-service", aud: "game" })
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .sign(secret.export({ type: "pkcs8", format: "der" })),
    "another key": await forge({ key: others.privateKey }),
    "an unknown key id": await forge({ header: { kid: "k2" } }),
    "no key id": await forge({ header: { kid: undefined } }),
    "another issuer": await forge({ claims: { iss: "somebody" } }),
    "another audience": await forge({ claims: { aud: "shop" } }),
    "no session": await forge({ claims: { sid: undefined } }),
    "no subject": await forge({ claims: { sub: undefined } }),
    "no expiry": await forge({ claims: { exp: undefined } }),
    "another payload": `${header}.${none({ ...decodeJwt(await forge()), sub: randomUUID() })}.${signature}`,
    "no token": "nonsense",
  };
  for (const [what, token] of Object.entries(forgeries)) assert.equal(await tokens.read(token), "invalid", what);
});

test("a token is good until the moment it expires", async () => {
  const clock = createTestClock();
  const tokens = createAccessTokens(keys, clock.now);
  const { token, expireTime } = await tokens.issue(claims);
  clock.advance(accessTokenLifeMs - 1_000);
  assert.equal(typeof (await tokens.read(token)), "object");
  clock.advance(expireTime.getTime() - clock.now().getTime());
  assert.equal(await tokens.read(token), "expired");
});
