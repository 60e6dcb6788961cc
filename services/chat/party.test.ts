import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { startEngines } from "../../tests/support/stack.ts";
import {
  assertRefused,
  type Engines,
  handleEvent,
  numbered,
  type Player,
  player,
  startReplica,
  subscribe,
  textsOf,
  unknownPlayer,
} from "./test-replica.ts";

/** The handlers over the in-memory transport, on a real Postgres and a real Redis. */
test("parties and guilds", async (t) => {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const urls: Engines = { databaseUrl: engines.databaseUrl("chat"), redisUrl: engines.redisUrl("chat") };
  let now = Date.UTC(2026, 0, 1);
  const clock = () => new Date(now);
  const chat = await startReplica(t, urls, { clock });

  /** What a player calls. */
  const as = (who: Player) => chat.clientOf(who);
  const ann = player("ann");
  const bob = player("bob");

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
    await handleEvent(chat, ann.userId, { case: "guildMemberJoined", value: { guildId } });
    await handleEvent(chat, bob.userId, { case: "guildMemberJoined", value: { guildId } });
    const stream = await subscribe(as(bob), [channel, "zone/guild"]);
    t.after(stream.close);
    await as(ann).sendMessage({ channel, text: "welcome" });
    assert.deepEqual(textsOf(await stream.messages(1)), ["welcome"]);
    await handleEvent(chat, bob.userId, { case: "guildMemberLeft", value: { guildId } });
    await as(ann).sendMessage({ channel, text: "bob is gone" });
    await as(ann).sendMessage({ channel: "zone/guild", text: "he is" });
    assert.deepEqual(textsOf(await stream.messages(1)), ["he is"]);
  });
});
