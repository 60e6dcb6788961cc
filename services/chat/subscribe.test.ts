import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import {
  assertRefused,
  type Engines,
  handleEvent,
  type Player,
  player,
  startReplica,
  subscribe,
  textsOf,
} from "./test-replica.ts";

/** The handlers over the in-memory transport, on a real Postgres and a real Redis, which also go away. */
test("streams", async (t) => {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const urls: Engines = { databaseUrl: engines.databaseUrl("chat"), redisUrl: engines.redisUrl("chat") };
  const now = Date.UTC(2026, 0, 1);
  const clock = () => new Date(now);
  const chat = await startReplica(t, urls, { clock });

  /** What a player calls. */
  const as = (who: Player) => chat.clientOf(who);
  const ann = player("ann");
  const bob = player("bob");

  await t.test("a stream begins with where it begins, and a message is what the history says", async (t) => {
    const { message: old } = await as(ann).sendMessage({ channel: "zone/stream", text: "before" });
    const stream = await subscribe(as(bob), ["zone/stream", "inbox"]);
    t.after(stream.close);
    assert.equal(stream.cursors["zone/stream"], 1n);
    const { message } = await as(ann).sendMessage({ channel: "zone/stream", text: "after" });
    assert.deepEqual(await stream.messages(1), [message]);
    const resumed = await subscribe(as(bob), ["zone/stream"], { "zone/stream": 0 });
    t.after(resumed.close);
    assert.deepEqual(await resumed.messages(2), [old, message]);
  });

  await t.test("a channel named twice, or a place that isn't there yet, is refused", async () => {
    const twice = [`whisper/${bob.userId}`, `whisper/${bob.userId.toUpperCase()}`];
    await assertRefused(subscribe(as(ann), twice), Code.InvalidArgument, "subscribed_twice");
    await assertRefused(subscribe(as(ann), ["zone/9"], { "zone/9": 7 }), Code.OutOfRange, "cursor_ahead");
  });

  await t.test("silence is broken by heartbeats", async (t) => {
    const quick = await startReplica(t, urls, { heartbeatSeconds: 0.02 });
    const stream = await subscribe(quick.clientOf(bob), ["zone/silent"]);
    t.after(stream.close);
    assert.equal((await stream.event()).case, "heartbeat");
    assert.equal((await stream.event()).case, "heartbeat");
    await as(ann).sendMessage({ channel: "zone/silent", text: "now" });
    assert.deepEqual(textsOf(await stream.messages(1)), ["now"]);
  });

  await t.test("a session that ends ends its streams, and no others, and its calls", async (t) => {
    const phone = player("leo");
    const desk = { ...phone, sessionId: randomUUID() };
    const streams = [await subscribe(as(phone), ["zone/session"]), await subscribe(as(desk), ["zone/session"])];
    for (const stream of streams) t.after(stream.close);
    const expireTime = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 900), nanos: 0 };
    const sessionEnded = { case: "sessionEnded", value: { sessionId: phone.sessionId, expireTime } } as const;
    await handleEvent(chat, phone.userId, sessionEnded);
    await assertRefused(streams[0]!.event(), Code.Unauthenticated, "session_ended");
    await as(ann).sendMessage({ channel: "zone/session", text: "still there?" });
    assert.deepEqual(textsOf(await streams[1]!.messages(1)), ["still there?"]);
    await assertRefused(as(phone).listMessages({ channel: "world" }), Code.Unauthenticated, "session_ended");
    await assertRefused(subscribe(as(phone), ["world"]), Code.Unauthenticated, "session_ended");
    await as(desk).listMessages({ channel: "world" });
  });

  await t.test("while Redis is away players talk, listen and are kept from spamming", async (t) => {
    const alone = await startReplica(t, { ...urls, redisUrl: "redis://127.0.0.1:1" }, { clock, instance: "chat-9" });
    const mia = player("mia");
    const client = alone.clientOf(mia);
    const stream = await subscribe(client, ["zone/alone"]);
    t.after(stream.close);
    for (let i = 0; i < 3; i++) await client.sendMessage({ channel: "zone/alone", text: "hello" });
    await assertRefused(
      client.sendMessage({ channel: "zone/alone", text: "hello" }),
      Code.ResourceExhausted,
      "spam_repeat",
    );
    assert.equal((await stream.messages(3)).length, 3);
    // The other replica has Redis but isn't told by it.
    await as(ann).sendMessage({ channel: "zone/alone", text: "from the other side" });
    assert.deepEqual(textsOf(await stream.messages(1)), ["from the other side"]);
  });

  await t.test("while Postgres is away calls say so, and open streams wait for it", async (t) => {
    const nia = player("nia");
    const stream = await subscribe(as(nia), ["zone/database"]);
    t.after(stream.close);
    await engines.process("postgres").stop();
    const say = (text: string) => as(nia).sendMessage({ channel: "zone/database", text, requestId: "once" });
    const list = () => as(nia).listMessages({ channel: "zone/database" });
    await assertRefused(list(), Code.Unavailable, "dependency_away");
    await assertRefused(say("hello?"), Code.Unavailable, "dependency_away");
    await assertRefused(subscribe(as(nia), ["zone/database"]), Code.Unavailable, "dependency_away");
    await engines.process("postgres").start();
    await until("Postgres is back", async () => (await say("hello?")).message);
    assert.deepEqual(textsOf(await stream.messages(1)), ["hello?"]);
  });
});
