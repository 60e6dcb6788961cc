import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { parseEvent, toOutgoing } from "#kit/events.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { createEventHandlers } from "./events.ts";
import { defaultSpamRules } from "./spam-rules.ts";
import {
  type Engines,
  numbered,
  type Player,
  player,
  type Replica,
  startReplica,
  subscribe,
  textsOf,
  unknownPlayer,
} from "./test-replica.ts";

/** Rejects with this code and reason. */
async function assertRefused(call: Promise<unknown>, code: Code, reason?: string): Promise<ConnectError> {
  const error = await call.then(
    () => assert.fail("not refused"),
    (thrown) => ConnectError.from(thrown),
  );
  assert.equal(Code[error.code], Code[code], error.message);
  if (reason) assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, reason);
  return error;
}

const handle = async (replica: Replica, userId: string, data: Parameters<typeof toOutgoing>[3]) => {
  const { type, payload } = toOutgoing("game-events", "social", userId, data);
  await replica.database.transaction((client) => createEventHandlers(replica)[type]!(parseEvent(payload), client));
};

/** The handlers over the in-memory transport, on a real Postgres and a real Redis. */
test("chat", async (t) => {
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

  await t.test(
    "an invite comes into the inbox, and who takes it can talk with the party until they leave",
    async (t) => {
      const inbox = await subscribe(as(bob), ["inbox"]);
      t.after(inbox.close);
      const { partyId } = await as(ann).createParty({});
      const channel = `party/${partyId}`;
      await assertRefused(as(bob).sendMessage({ channel, text: "hi" }), Code.PermissionDenied, "not_a_member");
      await assertRefused(as(bob).listMessages({ channel }), Code.PermissionDenied, "not_a_member");
      await assertRefused(subscribe(as(bob), ["world", channel]), Code.PermissionDenied, "not_a_member");

      const { inviteId } = await as(ann).inviteToParty({ partyId, userId: bob.userId });
      const [message] = await inbox.messages(1);
      assert.equal(message?.channel, "inbox");
      assert.equal(message.sender?.username, "ann");
      assert.ok(message.content.case === "partyInvite");
      assert.deepEqual([message.content.value.inviteId, message.content.value.partyId], [inviteId, partyId]);
      assert.equal(timestampDate(message.content.value.expireTime!).getTime(), now + 300_000);

      assert.deepEqual((await as(bob).respondToPartyInvite({ inviteId, accept: true })).partyId, partyId);
      await as(bob).sendMessage({ channel, text: "hi all" });
      const stream = await subscribe(as(bob), [channel, "zone/party"]);
      t.after(stream.close);
      await as(bob).leaveParty({ partyId });
      await as(ann).sendMessage({ channel, text: "bob is gone" });
      await as(ann).sendMessage({ channel: "zone/party", text: "he is" });
      assert.deepEqual(textsOf(await stream.messages(1)), ["he is"]);
      await assertRefused(as(bob).sendMessage({ channel, text: "hi" }), Code.PermissionDenied, "not_a_member");
      await assertRefused(as(bob).leaveParty({ partyId }), Code.PermissionDenied, "not_a_member");
    },
  );

  await t.test("an invite is for one player, for one answer and for five minutes", async () => {
    const { partyId } = await as(ann).createParty({});
    const gus = player("gus");
    const invite = async () => (await as(ann).inviteToParty({ partyId, userId: gus.userId })).inviteId;
    const answer = (who: Player, inviteId: string, accept: boolean) =>
      as(who).respondToPartyInvite({ inviteId, accept });

    const declined = await invite();
    assert.equal(await invite(), declined, "an open invite isn't made twice");
    assert.equal((await as(gus).listMessages({ channel: "inbox" })).messages.length, 1);
    await assertRefused(answer(bob, declined, true), Code.NotFound, "invite_unknown");
    await assertRefused(answer(gus, randomUUID(), true), Code.NotFound, "invite_unknown");
    assert.equal((await answer(gus, declined, false)).partyId, "");
    await assertRefused(answer(gus, declined, true), Code.FailedPrecondition, "invite_answered");

    const expired = await invite();
    assert.notEqual(expired, declined);
    now += 300_000;
    await assertRefused(answer(gus, expired, true), Code.FailedPrecondition, "invite_expired");
    const taken = await invite();
    assert.notEqual(taken, expired);
    await answer(gus, taken, true);
    await assertRefused(
      as(ann).inviteToParty({ partyId, userId: gus.userId }),
      Code.FailedPrecondition,
      "already_member",
    );
  });

  await t.test("who may invite whom", async () => {
    const hal = player("hal");
    const { partyId } = await as(hal).createParty({});
    const invite = (userId: string) => as(hal).inviteToParty({ partyId, userId });
    await assertRefused(invite(hal.userId), Code.InvalidArgument, "to_oneself");
    await assertRefused(invite(unknownPlayer), Code.NotFound, "player_unknown");
    await assertRefused(as(bob).inviteToParty({ partyId, userId: ann.userId }), Code.PermissionDenied, "not_a_member");
    await assertRefused(as(bob).inviteToParty({ partyId: randomUUID(), userId: ann.userId }), Code.PermissionDenied);
  });

  await t.test("a party is never larger than allowed, however many accept at once", async () => {
    const ivy = player("ivy");
    const { partyId } = await as(ivy).createParty({});
    const guests = numbered("guest", 4).map(player);
    const invites = await Promise.all(guests.map(({ userId }) => as(ivy).inviteToParty({ partyId, userId })));
    const answers = await Promise.allSettled(
      guests.map((guest, i) => as(guest).respondToPartyInvite({ inviteId: invites[i]!.inviteId, accept: true })),
    );
    assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 2);
    assert.equal((await chat.store.members(`party/${partyId}`)).size, 3);
    const late = answers.findIndex(({ status }) => status === "rejected");
    const again = as(guests[late]!).respondToPartyInvite({ inviteId: invites[late]!.inviteId, accept: true });
    await assertRefused(again, Code.FailedPrecondition, "party_full");
    await assertRefused(as(ivy).inviteToParty({ partyId, userId: ann.userId }), Code.FailedPrecondition, "party_full");
  });

  await t.test("an invite to a party that all have left can't be taken any more", async () => {
    const jan = player("jan");
    const { partyId } = await as(jan).createParty({});
    const { inviteId } = await as(jan).inviteToParty({ partyId, userId: bob.userId });
    await as(jan).leaveParty({ partyId });
    await assertRefused(
      as(bob).respondToPartyInvite({ inviteId, accept: true }),
      Code.FailedPrecondition,
      "invite_expired",
    );
  });

  await t.test("invites in masses are spam", async () => {
    const kim = player("kim");
    const invite = async () => {
      const { partyId } = await as(kim).createParty({});
      await as(kim).inviteToParty({ partyId, userId: ann.userId });
    };
    for (let i = 0; i < 3; i++) await invite();
    await assertRefused(invite(), Code.ResourceExhausted, "spam_repeat");
  });

  await t.test("guild members are those whom the social service names", async (t) => {
    const guildId = "g1";
    const channel = `guild/${guildId}`;
    await assertRefused(as(ann).sendMessage({ channel, text: "hi" }), Code.PermissionDenied, "not_a_member");
    await handle(chat, ann.userId, { case: "guildMemberJoined", value: { guildId } });
    await handle(chat, bob.userId, { case: "guildMemberJoined", value: { guildId } });
    const stream = await subscribe(as(bob), [channel, "zone/guild"]);
    t.after(stream.close);
    await as(ann).sendMessage({ channel, text: "welcome" });
    assert.deepEqual(textsOf(await stream.messages(1)), ["welcome"]);
    await handle(chat, bob.userId, { case: "guildMemberLeft", value: { guildId } });
    await as(ann).sendMessage({ channel, text: "bob is gone" });
    await as(ann).sendMessage({ channel: "zone/guild", text: "he is" });
    assert.deepEqual(textsOf(await stream.messages(1)), ["he is"]);
  });

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
    const expireTime = { seconds: BigInt(now / 1_000 + 900), nanos: 0 };
    const sessionEnded = { case: "sessionEnded", value: { sessionId: phone.sessionId, expireTime } } as const;
    // The service's clock stands in the past, Redis' doesn't: the key lives for 15 minutes.
    await handle(chat, phone.userId, sessionEnded);
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

  await t.test("while Postgres is away calls say so, and open streams wait for it", async (t: TestContext) => {
    const nia = player("nia");
    const stream = await subscribe(as(nia), ["zone/database"]);
    t.after(stream.close);
    engines.process("postgres").kill("SIGKILL");
    await assertRefused(
      (async () => {
        for (;;) await as(nia).listMessages({ channel: "zone/database" });
      })(),
      Code.Unavailable,
      "dependency_away",
    );
    await assertRefused(
      as(nia).sendMessage({ channel: "zone/database", text: "lost?" }),
      Code.Unavailable,
      "dependency_away",
    );
    for (;;)
      try {
        await as(nia).sendMessage({ channel: "zone/database", text: "back again", requestId: "once" });
        break;
      } catch (error) {
        assert.equal(ConnectError.from(error).code, Code.Unavailable);
        now += 1_000;
      }
    assert.deepEqual(textsOf(await stream.messages(1)), ["back again"]);
  });
});
