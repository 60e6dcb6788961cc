import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "#kit/log.ts";
import { connectRedis } from "#kit/redis.ts";
import { startEngine } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import {
  createMemoryRecentMessages,
  createRedisRecentMessages,
  type RecentMessages,
  withFallback,
} from "./recent-messages.ts";

const trace = (at: number, fingerprint = "f") => ({ at, fingerprint, links: 1 });
const user = "aaaaaaaa-0000-4000-8000-000000000001";

/** What both of them must do. */
async function assertRemembers(recent: RecentMessages, other: RecentMessages): Promise<void> {
  assert.deepEqual((await recent.add("u1", trace(1_000), 500)).before, []);
  const second = await other.add("u1", trace(1_200, "g"), 500);
  assert.deepEqual(second.before, [trace(1_000)]);
  await second.takeBack();
  assert.deepEqual((await recent.add("u1", trace(1_400), 500)).before, [trace(1_000)]);
  assert.deepEqual((await recent.add("u1", trace(1_500), 500)).before, [trace(1_400)], "the first is 500 ms old");
  assert.deepEqual((await recent.add("u1", trace(1_500), 500)).before, [trace(1_400), trace(1_500)]);
  assert.deepEqual((await recent.add("u2", trace(1_500), 500)).before, []);
}

test("a replica's memory holds what players said of late, of those who spoke last", async () => {
  const recent = createMemoryRecentMessages(2);
  await assertRemembers(recent, recent);
  await recent.add("u3", trace(1_600), 500);
  assert.equal((await recent.add("u2", trace(1_600), 500)).before.length, 1);
  assert.equal((await recent.add("u1", trace(1_600), 500)).before.length, 0, "u1 was pushed out");
});

test("in Redis", async (t) => {
  const engines = await startEngine(t, "redis");
  const log = createLog("chat");
  log.level = "silent";
  const connect = () => {
    const redis = connectRedis(engines.redisUrl("chat"), "chat", log);
    t.after(() => redis.disconnect());
    return redis;
  };
  const [one, two] = [connect(), connect()];
  await until("Redis answers", async () => (await one.ping()) && (await two.ping()));

  await t.test("all replicas share one memory", async () => {
    await assertRemembers(createRedisRecentMessages(one), createRedisRecentMessages(two));
  });

  await t.test("of messages at one time on several replicas each sees those before it", async () => {
    const replicas = [one, two].map(createRedisRecentMessages);
    const added = await Promise.all(
      Array.from({ length: 40 }, (_, i) => replicas[i % 2]!.add(user, trace(5_000, String(i)), 500)),
    );
    const counts = added.map(({ before }) => before.length).sort((a, b) => a - b);
    assert.deepEqual(
      counts,
      Array.from({ length: 40 }, (_, i) => i),
    );
  });

  await t.test("what is remembered is forgotten by itself", async () => {
    await createRedisRecentMessages(one).add("u9", trace(5_000), 60_000);
    const left = await one.pttl("chat:recent:u9");
    assert.ok(left > 0 && left <= 60_000);
  });

  await t.test("while Redis is away the replica's own memory stands in", async () => {
    const recent = withFallback(createRedisRecentMessages(one), createMemoryRecentMessages());
    await recent.add("u5", trace(5_000), 500);
    one.disconnect();
    assert.deepEqual((await recent.add("u5", trace(5_100), 500)).before, []);
    assert.deepEqual((await recent.add("u5", trace(5_200), 500)).before, [trace(5_100)]);
  });
});
