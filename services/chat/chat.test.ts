import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { parseEvent } from "#kit/events.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { defaultSpamRules } from "./spam-rules.ts";
import {
  assertRefused,
  type Engines,
  numbered,
  type Player,
  player,
  startReplica,
  subscribe,
  textsOf,
  unknownPlayer,
} from "./test-replica.ts";

/** The handlers over the in-memory transport, on a real Postgres and a real Redis. */
test("messages", async (t) => {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const urls: Engines = { databaseUrl: engines.databaseUrl("chat"), redisUrl: engines.redisUrl("chat") };
  let now = Date.UTC(2026, 0, 1);
  const clock = () => new Date(now);
  const chat = await startReplica(t, urls, { clock });

  /** What a player calls. */
  const as = (who: Player) => chat.clientOf(who);
  const ann = player("ann");
  const bob = player("bob");

  await t.test("what is said comes back, is in the history of the channel, and in no other's", async () => {
    const { message } = await as(ann).sendMessage({ channel: "zone/1", text: " hello\u0007 " });
    assert.equal(message?.channel, "zone/1");
    assert.equal(message.messageId, 1n);
    assert.deepEqual([message.sender?.userId, message.sender?.username], [ann.userId, "ann"]);
    assert.deepEqual(message.content, { case: "text", value: "hello" });
    assert.deepEqual((await as(bob).listMessages({ channel: "zone/1" })).messages, [message]);
    assert.deepEqual((await as(bob).listMessages({ channel: "zone/2" })).messages, []);
  });

  await t.test("the first whisper of a stranger is told of in the inbox, the ones after it are not", async () => {
    const [cat, dan] = [player("cat"), player("dan")];
    const channel = `whisper/${dan.userId}`;
    await as(cat).sendMessage({ channel, text: "psst", requestId: "1" });
    await as(cat).sendMessage({ channel, text: "psst", requestId: "1" });
    await as(cat).sendMessage({ channel, text: "still there?" });
    await as(dan).sendMessage({ channel: `whisper/${cat.userId}`, text: "yes" });
    const { messages } = await as(dan).listMessages({ channel: "inbox" });
    assert.deepEqual(
      messages.map(({ sender, content }) => [sender?.userId, content.case, content.value]),
      [[cat.userId, "whisperStarted", { $typeName: "game.chat.v1.WhisperStarted", text: "psst" }]],
    );
    assert.deepEqual((await as(cat).listMessages({ channel: "inbox" })).messages, [], "an answer is no news");
  });

  await t.test("the history is paged, newest first, and the last page has no token", async () => {
    for (const text of numbered("m", 5)) await as(ann).sendMessage({ channel: "zone/paged", text });
    const pages: unknown[] = [];
    for (let pageToken = ""; ; ) {
      const page = await as(bob).listMessages({ channel: "zone/paged", pageSize: 2, pageToken });
      pages.push(textsOf(page.messages));
      pageToken = page.nextPageToken;
      if (!pageToken) break;
    }
    assert.deepEqual(pages, [["m5", "m4"], ["m3", "m2"], ["m1"]]);
    await assertRefused(
      as(ann).listMessages({ channel: "world", pageToken: "x" }),
      Code.InvalidArgument,
      "page_token_invalid",
    );
  });

  const malformed: [what: string, request: { channel: string; text: string; requestId?: string }, reason?: string][] = [
    ["no text", { channel: "world", text: "" }],
    ["501 characters", { channel: "world", text: "x".repeat(501) }],
    ["white space", { channel: "world", text: " \n " }],
    ["nothing visible", { channel: "world", text: "\u200b\u200d" }, "text_invalid"],
    ["a channel that there isn't", { channel: "shout", text: "hi" }],
    ["a channel that only the platform speaks on", { channel: "system", text: "hi" }],
    ["one's own inbox", { channel: "inbox", text: "hi" }],
    ["a path", { channel: "zone/../x", text: "hi" }],
    ["a request id with a control character", { channel: "world", text: "hi", requestId: "\u0000" }],
    ["a request id that is too long", { channel: "world", text: "hi", requestId: "x".repeat(65) }],
    ["a whisper to oneself", { channel: `whisper/${ann.userId}`, text: "hi" }, "to_oneself"],
  ];
  for (const [what, request, reason] of malformed)
    await t.test(`${what} is refused`, async () => {
      await assertRefused(as(ann).sendMessage(request), Code.InvalidArgument, reason);
    });

  await t.test("a call without an identity is refused", async () => {
    const nobody = as({ userId: "", username: "", sessionId: "" });
    await assertRefused(nobody.sendMessage({ channel: "world", text: "hi" }), Code.Unauthenticated, "no_identity");
    await assertRefused(nobody.createParty({}), Code.Unauthenticated, "no_identity");
    await assertRefused(subscribe(nobody, ["world"]), Code.Unauthenticated, "no_identity");
  });

  await t.test("whispers are between two, each under the other's name", async () => {
    const { message } = await as(ann).sendMessage({ channel: `whisper/${bob.userId}`, text: "psst" });
    assert.equal(message?.channel, `whisper/${bob.userId}`);
    const { messages } = await as(bob).listMessages({ channel: `whisper/${ann.userId}` });
    assert.deepEqual([messages[0]?.channel, textsOf(messages)], [`whisper/${ann.userId}`, ["psst"]]);
    assert.deepEqual((await as(player("eve")).listMessages({ channel: `whisper/${ann.userId}` })).messages, []);
    for (const nobody of [unknownPlayer, "not-an-id"])
      await assertRefused(
        as(ann).sendMessage({ channel: `whisper/${nobody}`, text: "hi" }),
        Code.NotFound,
        "player_unknown",
      );
  });

  await t.test("while the account service is away only whispers to new faces wait", async (t) => {
    const alone = await startReplica(t, urls, { clock, accountsAway: true });
    const client = alone.clientOf(ann);
    await client.sendMessage({ channel: "zone/away", text: "anybody?" });
    await assertRefused(
      client.sendMessage({ channel: `whisper/${bob.userId}`, text: "hi" }),
      Code.Unavailable,
      "dependency_away",
    );
  });

  await t.test(
    "the same request id again is answered with the first message, is stored once and is no spam",
    async (t) => {
      const rules = { ...defaultSpamRules, floods: [{ messages: 2, seconds: 10 }] };
      const strict = await startReplica(t, urls, { clock, spamRules: rules });
      const cat = player("cat");
      const client = strict.clientOf(cat);
      const say = async (text: string, requestId = "") =>
        (await client.sendMessage({ channel: "zone/id", text, requestId })).message;
      const first = await say("one", "r1");
      for (let i = 0; i < 5; i++) assert.deepEqual(await say("one", "r1"), first);
      const twins = await Promise.all([say("two", "r2"), say("two", "r2")]);
      assert.deepEqual(twins[0], twins[1]);
      await assertRefused(say("three"), Code.ResourceExhausted, "spam_flood");
      assert.deepEqual(await say("one", "r1"), first);
      assert.deepEqual(textsOf((await client.listMessages({ channel: "zone/id" })).messages), ["two", "one"]);
    },
  );

  await t.test("spam is refused with the rule, and with when to try again; other players go on", async () => {
    const dan = as(player("dan"));
    const spam = () => dan.sendMessage({ channel: "world", text: "BUY GOLD!" });
    for (let i = 0; i < 3; i++) await spam();
    const refusal = await assertRefused(spam(), Code.ResourceExhausted, "spam_repeat");
    assert.equal(refusal.metadata.get("retry-after"), "30");
    await as(player("eve")).sendMessage({ channel: "world", text: "BUY GOLD!" });
    now += 30_000;
    await spam();
  });

  await t.test("the event for other services names the message but not what was said", async () => {
    const fay = player("fay");
    await as(fay).sendMessage({ channel: `whisper/${bob.userId}`, text: "sécret😀" });
    const { rows } = await chat.database.pool.query("select * from outbox where key = $1", [fay.userId]);
    assert.equal(rows.length, 1);
    assert.deepEqual([rows[0].topic, rows[0].type], ["chat-events", "chat_message_sent"]);
    const { data, userId, eventId, source } = parseEvent(rows[0].payload);
    assert.deepEqual([userId, eventId, source], [fay.userId, rows[0].event_id, "chat"]);
    assert.ok(data.case === "chatMessageSent");
    const { channelKind, messageId, length } = data.value;
    assert.deepEqual([channelKind, messageId, length], ["whisper", 1n, 7]);
    assert.ok(!rows[0].payload.includes("cret"));
  });

  await t.test("a notification reaches everybody on the channel `system`", async (t) => {
    const stream = await subscribe(as(bob), ["system"]);
    t.after(stream.close);
    const { messageId } = await as(ann).broadcastNotification({ text: "maintenance at midnight" });
    const [message] = await stream.messages(1);
    assert.equal(message?.messageId, messageId);
    assert.equal(message.sender, undefined);
    assert.ok(message.content.case === "notification");
    assert.equal(message.content.value.text, "maintenance at midnight");
  });
});
