import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { toOutgoing } from "#kit/events.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { createTestStack } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { createPostgresLeases, type Lease } from "./leases.ts";
import { createPostgresWorldStore, StaleOwner, type WorldStore } from "./store.ts";

/** Ownership, and what it is worth, on a real Postgres. */
describe("a zone", () => {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let database: Database;
  let store: WorldStore;
  let closeOutbox: () => Promise<void>;
  before(async () => {
    engines = await createTestStack({ only: ["postgres"] });
    const log = createLog("world");
    log.level = "silent";
    const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
    database = openDatabase({ url: engines.databaseUrl("world"), name: "world", migrations, log });
    await database.migrated;
    // Nothing leaves: the tests look into the outbox.
    const outbox = startOutbox(database, { send: () => Promise.reject(new Error("away")) }, log);
    closeOutbox = outbox.stop;
    store = createPostgresWorldStore(database, outbox.appendAll);
  });
  after(async () => {
    await closeOutbox();
    await database.close();
    await engines.stop();
  });

  const leasesOf = (owner: string, ttlMs = 60_000) => createPostgresLeases(database.pool, owner, ttlMs);
  const taken = (found: Lease | { owner: string }): Lease => {
    assert.ok("fence" in found, "it is taken");
    return found;
  };
  const position = (x: number) => ({ userId: randomUUID(), x, y: 2, life: 1, dead: false });
  const snapshotOf = (...positions: ReturnType<typeof position>[]) => ({ positions, objects: [], events: [] });

  test("has one owner, however many ask at once", async () => {
    const names = Array.from({ length: 8 }, (_, i) => `instance-${i}`);
    const answers = await Promise.all(names.map((name) => leasesOf(name).acquire("contested")));
    const [winner, ...more] = answers.filter((answer) => "fence" in answer);
    assert.ok(winner && more.length === 0);
    const owner = names[answers.indexOf(winner)];
    for (const answer of answers) if ("owner" in answer) assert.equal(answer.owner, owner);
  });

  test("stays its owner's while it is renewed, and goes to another when it is not", async () => {
    const [first, second] = [leasesOf("first", 400), leasesOf("second", 400)];
    const lease = taken(await first.acquire("renewed"));
    const end = Date.now() + 1_200;
    while (Date.now() < end) {
      assert.ok((await first.renew([lease])).has(lease));
      assert.deepEqual(await second.acquire("renewed"), { owner: "first" });
    }
    const next = await until("it is free", async () => {
      const found = await second.acquire("renewed");
      return "fence" in found && found;
    });
    assert.ok(BigInt(next.fence) > BigInt(lease.fence), "the fence rises");
    assert.ok(!(await first.renew([lease])).has(lease), "and is lost to the first");
  });

  test("is free at once when it is released, and its owner's again at once when that one comes back", async () => {
    const first = leasesOf("first");
    const lease = taken(await first.acquire("released"));
    await first.release(lease);
    const second = leasesOf("second");
    const next = taken(await second.acquire("released"));
    await first.release(lease);
    assert.deepEqual(
      await first.acquire("released"),
      { owner: "second" },
      "a late release frees nothing of the next owner's",
    );
    const again = taken(await leasesOf("second").acquire("released"));
    assert.ok(BigInt(again.fence) > BigInt(next.fence));
    assert.ok(!(await second.renew([next])).has(next), "the process of before has lost it");
  });

  test("takes what its owner saves, and nothing of an owner of before", async () => {
    const stale = taken(await leasesOf("stale", 1).acquire("fenced"));
    await until("it runs out", async () => "fence" in (await leasesOf("next").acquire("fenced")));
    const place = position(77);
    const events = [
      toOutgoing("game-events", "world", place.userId, { case: "zoneEntered", value: { zoneId: "fenced" } }),
    ];
    const late = { positions: [place], objects: [{ id: "gate", open: true }], events };
    await assert.rejects(store.save(stale, late), StaleOwner);
    await assert.rejects(store.transfer(stale, place, "elsewhere"), StaleOwner);
    assert.equal(await store.find(place.userId), undefined);
    assert.deepEqual(await store.objects("fenced"), []);
    const { rows } = await database.pool.query("select from outbox where key = $1", [place.userId]);
    assert.equal(rows.length, 0);
  });

  test("what was saved is found again, and the events wait in the outbox", async () => {
    const lease = taken(await leasesOf("saver").acquire("saved"));
    const [a, b] = [position(1), position(5)];
    const events = [a, b].map(({ userId }) =>
      toOutgoing("analytics-events", "world", userId, { case: "playerMoved", value: { zoneId: "saved", x: 1, y: 1 } }),
    );
    await store.save(lease, { positions: [a, b], objects: [{ id: "gate", open: true }], events });
    await store.save(lease, snapshotOf({ ...a, x: 3, dead: true, life: 2 }));
    assert.deepEqual(await store.find(a.userId), { ...a, x: 3, dead: true, life: 2, zoneId: "saved", fromZoneId: "" });
    assert.deepEqual(await store.objects("saved"), [{ id: "gate", open: true }]);
    const { rows } = await database.pool.query("select type from outbox where key = any($1) order by id", [
      [a.userId, b.userId],
    ]);
    assert.deepEqual(rows, [{ type: "player_moved" }, { type: "player_moved" }]);
  });

  test("a player who has gone to another zone is not taken back by a late save of the first", async () => {
    const lease = taken(await leasesOf("saver").acquire("left"));
    const ann = position(1);
    await store.save(lease, snapshotOf(ann));
    await store.transfer(lease, { ...ann, x: 50 }, "reached");
    await store.save(lease, snapshotOf({ ...ann, x: 9 }));
    const { x, zoneId, fromZoneId } = (await store.find(ann.userId))!;
    assert.deepEqual([x, zoneId, fromZoneId], [50, "reached", "left"]);
  });

  test("a save that is under way ends before anyone else becomes the owner", async () => {
    const lease = taken(await leasesOf("slow", 1).acquire("slow"));
    const client = await database.pool.connect();
    try {
      await client.query("begin");
      await client.query("select from zone_lease where zone_id = 'slow' and fence = $1 for share", [lease.fence]);
      let next: unknown;
      const acquiring = leasesOf("next")
        .acquire("slow")
        .then((found) => {
          next = found;
        });
      await until("it waits", async () => {
        const { rows } = await database.pool.query("select from pg_stat_activity where wait_event_type = 'Lock'");
        return rows.length > 0;
      });
      assert.equal(next, undefined);
      await client.query("commit");
      await acquiring;
      assert.ok(next);
    } finally {
      client.release();
    }
  });
});
