import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { call } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { createIssuer, type Issuer } from "../../mesh/cases/tokens.ts";
import { until } from "../support/until.ts";

// Each test changes the keys that auth publishes, so they follow each other: they tell one story.

let mesh: Mesh;
let old: Issuer;
before(async () => {
  mesh = await startMesh();
  old = mesh.issuer;
});
after(() => mesh?.[Symbol.asyncDispose]());

/** The edge asks for the keys 5 s after the last answer. */
const refreshed = 7_000;

/** The status of a call with a token by `issuer`. */
async function statusWith(issuer: Issuer): Promise<number> {
  const authorization = `Bearer ${await issuer.token("ann", ["chat:read"])}`;
  const headers = { "content-type": "application/json", authorization };
  return (await call({ to: mesh.at.edge, path: "/api/v1/chat/ListMessages", headers, body: "{}" })).status;
}

const keysOf = (...issuers: Issuer[]) => JSON.stringify({ keys: issuers.flatMap(({ jwks }) => JSON.parse(jwks).keys) });

describe("the keys of auth", () => {
  let fresh: Issuer;

  test("a new key is taken within 7 s, beside the old one", async () => {
    fresh = await createIssuer("key-2");
    assert.equal(await statusWith(fresh), 401);
    mesh.echo("auth").jwks = keysOf(old, fresh);
    await until("the new key is known", async () => (await statusWith(fresh)) === 200, refreshed);
    assert.equal(await statusWith(old), 200);
  });

  test("a withdrawn key is refused within 7 s", async () => {
    mesh.echo("auth").jwks = keysOf(fresh);
    await until("the old key is forgotten", async () => (await statusWith(old)) === 401, refreshed);
    assert.equal(await statusWith(fresh), 200);
  });

  test("tokens stay good while auth is away, past the 10 s of the cache", async () => {
    const fetches = mesh.echo("auth").jwksFetches;
    await until("the keys were just fetched", async () => mesh.echo("auth").jwksFetches > fetches, refreshed);
    await mesh.stopEcho("auth");
    const cacheEnds = performance.now() + 11_000;
    await until(
      "the cache time is over",
      async () => {
        assert.equal(await statusWith(fresh), 200);
        return performance.now() > cacheEnds;
      },
      15_000,
    );
    const failures = await mesh.counter("jwt_authn.*jwks_fetch_failed");
    assert.ok(failures > 0, "the edge has asked in vain meanwhile");
  });
});
