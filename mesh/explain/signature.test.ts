import assert from "node:assert/strict";
import { test } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { judgeSignature } from "./signature.ts";

test("a token is good, forged or of an unknown key, whatever its times say", async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  const other = await generateKeyPair("ES256", { extractable: true });
  const keys = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: "one", alg: "ES256" }] };
  const sign = (key: CryptoKey, kid: string, claims = {}) =>
    new SignJWT({ sub: "ann", ...claims }).setProtectedHeader({ alg: "ES256", kid }).sign(key);
  assert.equal(await judgeSignature(await sign(pair.privateKey, "one"), keys), "good");
  assert.equal(await judgeSignature(await sign(pair.privateKey, "one", { exp: 1, nbf: 9e9 }), keys), "good");
  assert.equal(await judgeSignature(await sign(other.privateKey, "one"), keys), "forged");
  assert.equal(await judgeSignature(await sign(pair.privateKey, "two"), keys), "unknown-key");
});
