import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { createLog } from "#kit/log.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { createTestClock } from "../../tests/support/clock.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { createPostgresKeyStore, type KeyStore } from "./key-store.ts";
import { createKeyRing, type KeyRing } from "./keys.ts";
import { permissionsOf } from "./permissions.ts";
import { createSeal } from "./seal.ts";
import { accessTokenLifeMs, createAccessTokens } from "./tokens.ts";

const day = 24 * 3_600_000;
const schedule = { activationMs: 30_000, maxAgeMs: 30 * day, tokenLifeMs: accessTokenLifeMs };
const claims = { userId: "u", username: "ada", sessionId: "s", permissions: permissionsOf(["player"]) };
const kids = (ring: KeyRing) => ring.jwks().keys.map(({ kid }) => kid);

test("signing keys on a real Postgres", async (t) => {
  const engines = await startEngines(t, ["postgres"]);
  const log = createLog("auth");
  log.level = "silent";
  const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
  const database = openDatabase({ url: engines.databaseUrl("auth"), name: "auth", migrations, log });
  t.after(database.close);
  await database.migrated;
  const store = createPostgresKeyStore(database);
  const clock = createTestClock();
  const sealKey = randomBytes(32).toString("hex");
  const createRing = (options: { store?: KeyStore; key?: string } = {}) =>
    createKeyRing({
      store: options.store ?? store,
      seal: createSeal(options.key ?? sealKey),
      schedule,
      clock: clock.now,
      log,
    });
  const [ring, replica] = [createRing(), createRing()];
  const tokens = createAccessTokens(ring, clock.now);

  await t.test("before the first refresh nothing is signed or published", () => {
    assert.throws(() => ring.signer(), /no signing key/);
    assert.throws(() => ring.jwks(), /not loaded/);
  });

  await t.test("of several replicas that start at once one makes the key, and it signs at once", async () => {
    const rings = [ring, replica, createRing(), createRing()];
    await Promise.all(rings.map((one) => one.refresh()));
    assert.equal(new Set(rings.map((one) => one.signer().keyId)).size, 1);
    assert.deepEqual(kids(ring), [ring.signer().keyId]);
  });

  await t.test("what is published holds no private part, what is stored only a sealed one", async () => {
    const [jwk] = ring.jwks().keys;
    assert.deepEqual(Object.keys(jwk!).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    const [stored] = await store.list();
    assert.ok(!stored!.sealedPrivateKey.includes("PRIVATE KEY"));
  });

  await t.test(
    "a new key is published at once by every replica and signs after the delay; asking again changes nothing",
    async () => {
      const old = ring.signer().keyId;
      const { keyId, activateTime } = await ring.rotate();
      assert.equal(activateTime.getTime(), clock.now().getTime() + schedule.activationMs);
      assert.deepEqual(await replica.rotate(), { keyId, activateTime });
      assert.deepEqual(kids(ring), [old, keyId]);
      assert.deepEqual(kids(replica), [old, keyId]);
      clock.advance(schedule.activationMs - 1);
      assert.equal(ring.signer().keyId, old);
      clock.advance(1);
      assert.equal(ring.signer().keyId, keyId);
      assert.equal(replica.signer().keyId, keyId);
    },
  );

  await t.test("the old key's last token is good until it expires; then the key is withdrawn and dropped", async () => {
    const old = ring.signer().keyId;
    const { activateTime } = await ring.rotate();
    clock.advance(activateTime.getTime() - clock.now().getTime() - 1);
    const { token, expireTime } = await tokens.issue(claims);
    assert.equal(ring.signer().keyId, old);
    clock.advance(expireTime.getTime() - clock.now().getTime() - 1);
    await ring.refresh();
    assert.equal(typeof (await tokens.read(token)), "object");
    clock.advance(61_000);
    assert.ok(!kids(ring).includes(old), "withdrawn also by a process that can't reach the database");
    await ring.refresh();
    assert.ok(!(await store.list()).some(({ keyId }) => keyId === old));
  });

  await t.test("a key of 30 days is replaced by itself, by one of the replicas", async () => {
    const old = ring.signer().keyId;
    clock.advance(30 * day);
    await Promise.all([ring.refresh(), replica.refresh()]);
    assert.equal(kids(ring).length, 2);
    assert.deepEqual(kids(replica), kids(ring));
    assert.equal(ring.signer().keyId, old);
    clock.advance(schedule.activationMs);
    assert.notEqual(ring.signer().keyId, old);
  });

  await t.test("while the database is away the last set is served and signs", async () => {
    let away = false;
    const shaky: KeyStore = { ...store, list: () => (away ? Promise.reject(new Error("away")) : store.list()) };
    const alone = createRing({ store: shaky });
    await alone.refresh();
    const before = kids(alone);
    away = true;
    await assert.rejects(alone.refresh(), /away/);
    assert.deepEqual(kids(alone), before);
    assert.ok(alone.signer().privateKey);
  });

  await t.test("keys sealed under another key verify, but don't sign", async () => {
    const stranger = createRing({ key: randomBytes(32).toString("hex") });
    await stranger.refresh();
    assert.deepEqual(kids(stranger), kids(ring));
    assert.ok(stranger.verifier(ring.signer().keyId));
    assert.throws(() => stranger.signer(), /no signing key/);
  });
});
