import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startLosingProxy } from "../tests/support/losing-proxy.ts";
import { startEngine } from "../tests/support/stack.ts";
import { until } from "../tests/support/until.ts";
import { createKafkaClient, type OutgoingMessage } from "./kafka.ts";
import { createLog } from "./log.ts";

function clientOf(t: TestContext, brokers: string) {
  const log = createLog("test");
  log.level = "silent";
  const client = createKafkaClient({ brokers: [brokers], clientId: "test", log });
  t.after(() => client.stop());
  return client;
}

const message = (value: string): OutgoingMessage => ({ topic: "game-events", key: "k", value, headers: {} });

test("a batch that the broker took without acknowledging it is sent again, also with others", async (t) => {
  const { kafkaBrokers } = await startEngine(t, "kafka");
  const proxy = await startLosingProxy(t, kafkaBrokers);
  const { producer, consume } = clientOf(t, proxy.brokers);
  const send = (...values: string[]) =>
    until(`${values} are sent`, async () => (await producer.send(values.map(message))) === undefined, 120_000);
  await send("1");
  proxy.loseAcknowledgements = true;
  await assert.rejects(producer.send([message("2")]));
  proxy.loseAcknowledgements = false;
  await send("2", "3");

  const values: string[] = [];
  consume("test", ["game-events"], async ({ value }) => {
    values.push(value);
  });
  await until("the last one is there", async () => values.includes("3"), 120_000);
  assert.deepEqual([...new Set(values)], ["1", "2", "3"]);
  assert.ok(values.filter((value) => value === "2").length >= 2, "the broker had taken it");
});

test("a consumer whose broker falls silent is back in its group once it speaks again", async (t) => {
  const engines = await startEngine(t, "kafka");
  const client = clientOf(t, engines.kafkaBrokers);
  const values: string[] = [];
  const consumer = client.consume("test", ["game-events"], async ({ value }) => {
    values.push(value);
  });
  await until("the consumer is in its group", async () => consumer.running(), 120_000);
  engines.process("kafka").kill("SIGSTOP");
  await until("the consumer has noticed", async () => !consumer.running(), 120_000);
  engines.process("kafka").kill("SIGCONT");
  await until("the consumer is back", async () => consumer.running(), 120_000);
  await until("a message is sent", async () => (await client.producer.send([message("after")])) === undefined, 120_000);
  await until("it is handled", async () => values.includes("after"), 120_000);
});

test("a consumer that leaves has told how far it has come: the next one of its group goes on from there", async (t) => {
  const { kafkaBrokers } = await startEngine(t, "kafka");
  const { producer } = clientOf(t, kafkaBrokers);
  const send = (value: string) =>
    until(`${value} is sent`, async () => (await producer.send([message(value)])) === undefined, 120_000);
  for (const value of ["1", "2"]) {
    await send(value);
    const values: string[] = [];
    const consumer = clientOf(t, kafkaBrokers).consume("test", ["game-events"], async (incoming) => {
      values.push(incoming.value);
    });
    await until(`${value} is handled`, async () => values.includes(value), 120_000);
    await consumer.stop();
    assert.deepEqual(values, [value]);
  }
});
