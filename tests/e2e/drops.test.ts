import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import pg from "pg";
import { toOutgoing } from "#kit/events.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { startTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

test("what a monster drops is in the bag and in the event store once, however often Kafka brings it", async (t) => {
  const stack = await startTestStack(t, { only: ["postgres", "kafka", "inventory", "analytics"] });
  const log = createLog("test");
  log.level = "silent";
  const kafka = createKafkaClient({ brokers: [stack.kafkaBrokers], clientId: "combat", log });
  const query = async (service: string, sql: string, values: unknown[]) => {
    const client = new pg.Client({ connectionString: stack.databaseUrl(service) });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  t.after(kafka.stop);

  const userId = randomUUID();
  const drop = (itemId: string, quantity: number) => {
    const data = { case: "itemObtained", value: { itemId, quantity, source: "monster_drop" } } as const;
    const { topic, key, payload, eventId, type } = toOutgoing("game-events", "combat", userId, data);
    return { topic, key, value: payload, headers: { "event-id": eventId, "event-type": type } };
  };
  const [pelts, tusk] = [drop("wolf_pelt", 2), drop("boar_tusk", 1)];
  await kafka.producer.send([pelts, pelts, tusk]);

  const bag = await until(
    "the last drop is in the bag",
    async () => {
      const rows = await query("inventory", "select item_id, quantity from bag_item where user_id = $1 order by 1", [
        userId,
      ]);
      return rows.length === 2 && rows;
    },
    120_000,
  );
  assert.deepEqual(bag, [
    { item_id: "boar_tusk", quantity: 1 },
    { item_id: "wolf_pelt", quantity: 2 },
  ]);
  const stored = await until(
    "both are in the event store",
    async () => {
      const rows = await query("analytics", "select type, source from event where user_id = $1", [userId]);
      return rows.length >= 2 && rows;
    },
    120_000,
  );
  assert.deepEqual(stored, [
    { type: "item_obtained", source: "combat" },
    { type: "item_obtained", source: "combat" },
  ]);
});
