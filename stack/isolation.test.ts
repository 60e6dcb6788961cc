/** Real engines, twice at once: what one service may not see of another's, and one stack of another's. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import pg from "pg";
import { createTestStack } from "../tests/support/stack.ts";
import { connectKafka } from "./engines/kafka-topics.ts";
import type { Stack } from "./stack.ts";

let stack: Stack;
let other: Stack;

describe("two stacks beside one another", () => {
  before(async () => {
    const only = ["postgres", "redis", "kafka"];
    [stack, other] = await Promise.all([createTestStack({ only }), createTestStack({ only: ["postgres", "redis"] })]);
  });
  after(() => Promise.all([stack?.stop(), other?.stop()]));

  async function query(url: string, sql: string): Promise<unknown[]> {
    const client = new pg.Client(url);
    await client.connect();
    try {
      return (await client.query({ text: sql, rowMode: "array" })).rows.flat();
    } finally {
      await client.end();
    }
  }

  async function redisOf(url: string, use: (redis: Redis) => Promise<void>): Promise<void> {
    const redis = new Redis(url, { retryStrategy: () => null });
    redis.on("error", () => undefined);
    try {
      await use(redis);
    } finally {
      redis.disconnect();
    }
  }

  test("a service owns its database, which is UTF-8, and Postgres writes durably", async () => {
    const url = stack.databaseUrl("chat");
    assert.deepEqual(await query(url, "select current_user, current_database()"), ["chat", "chat"]);
    await query(url, "create table note (text text)");
    assert.deepEqual(await query(url, "show fsync"), ["on"]);
    assert.deepEqual(await query(url, "show server_encoding"), ["UTF8"]);
  });

  test("a service cannot enter another's database, nor the platform's", async () => {
    for (const database of ["auth", "account", "postgres"]) {
      const url = new URL(stack.databaseUrl("chat"));
      url.pathname = `/${database}`;
      await assert.rejects(query(url.href, "select 1"), /no pg_hba.conf entry|permission denied/, database);
    }
  });

  test("a wrong password is refused, and another stack's password is wrong", async () => {
    const url = new URL(stack.databaseUrl("chat"));
    url.password = new URL(other.databaseUrl("chat")).password;
    await assert.rejects(query(url.href, "select 1"), /password authentication failed/);
  });

  test("a service has the keys and channels that begin with its name, and no others", async () => {
    await redisOf(stack.redisUrl("chat"), async (redis) => {
      assert.equal(await redis.set("chat:note", "1"), "OK");
      assert.equal(await redis.publish("chat:room", "hello"), 0);
      await assert.rejects(redis.get("auth:session"), /NOPERM/);
      await assert.rejects(redis.publish("auth:room", "hello"), /NOPERM/);
      await assert.rejects(redis.flushall(), /NOPERM/);
      await assert.rejects(redis.acl("LIST"), /NOPERM/);
      assert.equal(await redis.eval("return redis.call('get', KEYS[1])", 1, "chat:note"), "1");
    });
  });

  test("nobody comes to Redis without a name", async () => {
    const url = new URL(stack.redisUrl("chat"));
    url.username = "";
    url.password = "";
    await redisOf(url.href, async (redis) => {
      await assert.rejects(redis.get("chat:note"), /NOAUTH|Connection is closed/);
    });
  });

  test("the topics have six partitions, and a misspelt one is not made", async () => {
    const admin = connectKafka(stack.kafkaBrokers).admin();
    await admin.connect();
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: ["game-events", "chat-events"] });
      assert.deepEqual(
        topics.map(({ partitions }) => partitions.length),
        [6, 6],
      );
      await assert.rejects(admin.fetchTopicMetadata({ topics: ["chat-event"] }), /does not host this topic/);
    } finally {
      await admin.disconnect();
    }
  });

  test("data survives the killing of its engine", async () => {
    const url = stack.databaseUrl("account");
    await query(url, "create table kept as select 42 as n");
    await redisOf(stack.redisUrl("account"), async (redis) => void (await redis.set("account:kept", "42")));
    for (const name of ["postgres", "redis"]) stack.process(name).kill("SIGKILL");
    await stack.waitReady(["postgres", "redis"]);
    assert.deepEqual(await query(url, "select n from kept"), [42]);
    await redisOf(stack.redisUrl("account"), async (redis) => assert.equal(await redis.get("account:kept"), "42"));
  });
});
