import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { createLog } from "#kit/log.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { startEngine } from "../../tests/support/stack.ts";
import { combatResult, itemObtained } from "./events.ts";
import { createPostgresCombatStore } from "./store.ts";

test("the store, on a real Postgres", async (t) => {
  const engines = await startEngine(t, "postgres");
  const log = createLog("combat");
  log.level = "silent";
  const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
  const database = openDatabase({ url: engines.databaseUrl("combat"), name: "combat", migrations, log });
  t.after(database.close);
  await database.migrated;
  const store = createPostgresCombatStore(database);
  const outbox = async () => (await database.pool.query("select * from outbox order by id")).rows;

  await t.test("how combatants stand is read as it was written, and the last word counts", async () => {
    await store.save(
      new Map([
        ["a", { life: 1, hp: 5, lastSequence: 9 }],
        ["b", { life: 2, hp: 0, lastSequence: 0 }],
      ]),
      [],
    );
    await store.save(
      new Map([
        ["a", { life: 2, hp: 7, lastSequence: 3 }],
        ["b", undefined],
      ]),
      [],
    );
    assert.deepEqual(await store.load(), new Map([["a", { life: 2, hp: 7, lastSequence: 9 }]]));
  });

  await t.test("events go into the outbox in order, with their traces, and only together with the rest", async () => {
    const userId = randomUUID();
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const hits = { userId, attackerId: userId, targetId: "rat", skillId: "hit", damage: 3, killed: true };
    await store.save(new Map(), [itemObtained(userId, "tail", 2), { ...combatResult(hits), traceparent }]);
    const told = (await outbox()).map(({ type, key, topic, traceparent }) => [type, key, topic, traceparent]);
    assert.deepEqual(told, [
      ["item_obtained", userId, "game-events", null],
      ["combat_result", userId, "game-events", traceparent],
    ]);
    const broken = { life: 1, hp: -1, lastSequence: 0 };
    await assert.rejects(store.save(new Map([["c", broken]]), [itemObtained(userId, "crown", 1)]));
    assert.equal((await outbox()).length, 2);
  });
});
