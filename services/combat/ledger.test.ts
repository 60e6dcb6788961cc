import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEvent } from "#kit/events.ts";
import { createLog } from "#kit/log.ts";
import { until } from "../../tests/support/until.ts";
import { createLedger } from "./ledger.ts";
import type { Effect } from "./rules/effect.ts";
import { startZone } from "./rules/test-zone.ts";
import { createMemoryStore } from "./test-combat.ts";

const log = createLog("combat");
log.level = "silent";
const lifeOf = () => 1;

function hit(target: string, amount: number, hp: number): Effect {
  const who = { at: 0, source: "ann", target };
  return { ...who, kind: "damage", by: "hit", school: "fire", amount, absorbed: 0, critical: false, hp };
}

test("hits by the same on the same between two times of storing are told as one", async (t) => {
  const store = createMemoryStore();
  const ledger = createLedger({ store, stored: () => undefined, everyMs: 20, log });
  t.after(ledger.stop);
  const { zone } = startZone();
  ledger.note([hit("doll", 3, 997), hit("rat", 5, 0)], zone, lifeOf);
  ledger.note([hit("doll", 4, 993)], zone, lifeOf);
  await until("it is stored", async () => store.events.length > 0);
  const told = store.events.map(({ payload }) => parseEvent(payload).data.value as { damage: number; killed: boolean });
  assert.deepEqual(
    told.map(({ damage, killed }) => [damage, killed]),
    [
      [7, false],
      [5, true],
    ],
  );
  assert.equal(store.combatants.get("doll")?.hp, 993);
});

test("a transaction whose end is unknown is made again with the same events", async (t) => {
  const store = createMemoryStore();
  const seen: string[][] = [];
  const { save } = store;
  store.save = async function (this: typeof store, combatants, events) {
    seen.push(events.map(({ eventId }) => eventId));
    await save.call(store, combatants, events);
    if (seen.length < 3) throw new Error("connection terminated");
  };
  const ledger = createLedger({ store, stored: () => undefined, everyMs: 20, log });
  t.after(ledger.stop);
  const { zone } = startZone();
  ledger.note([hit("doll", 3, 997)], zone, lifeOf);
  await until("it goes well", async () => seen.length === 3);
  assert.deepEqual(seen[1], seen[0]);
  assert.deepEqual(seen[2], seen[0]);
  assert.equal(seen[0]?.length, 1);
});

test("while the database is away so many results wait, and all spoils", async (t) => {
  const store = createMemoryStore();
  store.away = true;
  const ledger = createLedger({ store, stored: () => undefined, everyMs: 20, log });
  t.after(ledger.stop);
  const { zone } = startZone();
  const drop: Effect = { at: 0, source: "rat", target: "ann", kind: "drop", itemId: "tail", quantity: 1 };
  for (let i = 0; i < 25_000; i++) ledger.note([hit(`rat-${i}`, 1, 0)], zone, lifeOf);
  ledger.note([drop], zone, lifeOf);
  store.away = false;
  await until("all is stored", async () => store.events.length === 20_001);
  assert.ok(store.events.some(({ type }) => type === "item_obtained"));
});
