import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { startEngines } from "../tests/support/stack.ts";
import { until } from "../tests/support/until.ts";
import { deadLetterProbe, outboxProbe } from "./event-probes.ts";
import { consumeEvents } from "./inbox.ts";
import { createKafkaClient } from "./kafka.ts";
import { createLog } from "./log.ts";
import { startOutbox } from "./outbox.ts";
import { kitMigrations, openDatabase } from "./postgres.ts";

test("events with a handler have their effect; others are skipped, and what can't be handled is laid aside and told of", async (t) => {
  const engines = await startEngines(t, ["postgres", "kafka"]);
  const log = createLog("test");
  log.level = "silent";
  const database = openDatabase({
    url: engines.databaseUrl("account"),
    name: "test",
    migrations: [kitMigrations],
    log,
  });
  const kafka = createKafkaClient({ brokers: [engines.kafkaBrokers], clientId: "test", log });
  const outbox = startOutbox(database, kafka.producer, log);
  t.after(async () => {
    await outbox.stop();
    await kafka.stop();
    await database.close();
  });
  await database.migrated;

  const seen: string[] = [];
  let failures = 0;
  consumeEvents<{ text: string }>({
    kafka,
    group: "test",
    topics: ["game-events"],
    database,
    parse: (value) => JSON.parse(value),
    handlers: {
      async said({ text }) {
        seen.push(text);
      },
      async stumbles({ text }) {
        if (failures++ < 2) throw new Error("not yet");
        seen.push(text);
      },
      async fails() {
        throw new Error("never");
      },
    },
    log,
  });
  const append = (type: string, payload: string) =>
    database.transaction((client) =>
      outbox.append(client, { eventId: randomUUID(), topic: "game-events", key: "k", type, payload }),
    );
  await append("unknown", "{}");
  await append("said", "{not JSON");
  await append("fails", "{}");
  await append("stumbles", '{"text":"second try"}');
  await append("said", '{"text":"hello"}');
  outbox.wake();

  await until("the last one is handled", async () => seen.includes("hello"), 120_000);
  assert.deepEqual(seen, ["second try", "hello"]);
  const { rows } = await database.pool.query('select payload, error from dead_letter order by "offset"');
  assert.deepEqual(
    rows.map(({ payload }) => payload),
    ["{not JSON", "{}"],
  );
  assert.equal(rows[1].error, "never");
  assert.deepEqual(await deadLetterProbe(database)(), {
    status: "degraded",
    message: "2 events could not be handled: see the table dead_letter",
  });

  await until("the outbox is empty", async () => (await outboxProbe(database)()) === undefined);
  await outbox.stop();
  await append("said", "{}");
  await database.pool.query("update outbox set create_time = now() - interval '1 minute'");
  assert.equal((await outboxProbe(database)())?.status, "degraded");
});

test("events without a handler of their own go to the one for all others, each once", async (t) => {
  const engines = await startEngines(t, ["postgres", "kafka"]);
  const log = createLog("test");
  log.level = "silent";
  const database = openDatabase({
    url: engines.databaseUrl("account"),
    name: "test",
    migrations: [kitMigrations],
    log,
  });
  const kafka = createKafkaClient({ brokers: [engines.kafkaBrokers], clientId: "test", log });
  const outbox = startOutbox(database, kafka.producer, log);
  t.after(async () => {
    await outbox.stop();
    await kafka.stop();
    await database.close();
  });
  await database.migrated;

  const seen: string[] = [];
  consumeEvents<{ text: string }>({
    kafka,
    group: "test",
    topics: ["game-events", "chat-events"],
    database,
    parse: (value) => JSON.parse(value),
    handlers: { said: async ({ text }) => void seen.push(`said ${text}`) },
    otherwise: async ({ text }) => void seen.push(`other ${text}`),
    log,
  });
  const append = (eventId: string, topic: string, type: string, text: string) => {
    const event = { eventId, topic, key: "k", type, payload: JSON.stringify({ text }) };
    return database.transaction((client) => outbox.append(client, event));
  };
  const twice = randomUUID();
  for (const eventId of [twice, twice, randomUUID()]) await append(eventId, "game-events", "constructor", eventId);
  await append(randomUUID(), "chat-events", "said", "hello");
  await append(randomUUID(), "game-events", "last", "");
  outbox.wake();
  await until("all are handled", async () => seen.includes("other ") && seen.includes("said hello"), 120_000);
  assert.equal(seen.filter((line) => line === `other ${twice}`).length, 1);
  assert.equal(seen.length, 4);
});
