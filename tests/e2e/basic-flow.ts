import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { joinGame, listen } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** The guide's first test: log in, read the profile, chat; and what a player does around it. */
export function basicFlow(platform: Platform): void {
  describe("basic flow", () => {
    test("a player logs in, reads their profile, changes it, and another player reads the change", async () => {
      const ada = await joinGame(edgeOf(platform));
      const bob = await joinGame(edgeOf(platform));
      const { profile } = await ada.account.getUserProfile({});
      assert.equal(profile?.displayName, ada.username);
      const changed = await ada.account.updateUserProfile({
        profile: { displayName: "Ada", bio: "first programmer", revision: profile!.revision },
        updateMask: { paths: ["display_name", "bio"] },
      });
      assert.equal(changed.profile?.displayName, "Ada");
      const seen = await bob.account.getUserProfile({ userId: ada.userId });
      assert.equal(seen.profile?.bio, "first programmer");
      const stale = {
        profile: { displayName: "Eve", revision: profile!.revision },
        updateMask: { paths: ["display_name"] },
      };
      await assert.rejects(ada.account.updateUserProfile(stale), { code: Code.Aborted });
    });

    test("the login reaches the profile by an event", async () => {
      const ada = await joinGame(edgeOf(platform));
      await until("the login is on the profile", async () => {
        const { profile } = await ada.account.getUserProfile({});
        return profile?.lastLoginTime !== undefined && profile.revision > 0n;
      });
    });

    test("a message is stored, streamed to listeners on both replicas, and stands in the history", async () => {
      const ada = await joinGame(edgeOf(platform));
      const listeners = await Promise.all(Array.from({ length: 4 }, () => joinGame(edgeOf(platform))));
      const zone = `zone/${ada.username}`;
      const streams = listeners.map((player) => listen(player, [{ channel: zone }]));
      await Promise.all(streams.map(({ subscribed }) => subscribed));
      const { message } = await ada.chat.sendMessage({ channel: zone, text: "hello 👋" });
      assert.equal(message?.sender?.username, ada.username);
      for (const stream of streams) {
        await until("the listener has it", async () => stream.messages.length > 0);
        assert.deepEqual(
          stream.messages.map(({ messageId, content }) => [messageId, content.value]),
          [[message?.messageId, "hello 👋"]],
        );
        await stream.close();
      }
      const { messages } = await ada.chat.listMessages({ channel: zone });
      assert.equal(messages[0]?.content.value, "hello 👋");
    });

    test("a whisper reaches its reader, who has never heard of the sender", async () => {
      const [ada, bob] = [await joinGame(edgeOf(platform)), await joinGame(edgeOf(platform))];
      const inbox = listen(bob, [{ channel: "inbox" }]);
      await inbox.subscribed;
      await ada.chat.sendMessage({ channel: `whisper/${bob.userId}`, text: "psst" });
      const news = await until("the reader is told of it", async () => inbox.messages[0]);
      assert.deepEqual([news.content.case, news.sender?.userId], ["whisperStarted", ada.userId]);
      await inbox.close();
      const { messages } = await bob.chat.listMessages({ channel: `whisper/${ada.userId}` });
      assert.deepEqual(
        messages.map(({ content }) => content.value),
        ["psst"],
      );
    });

    test("a party is made by invite, and its channel is for members", async () => {
      const [ada, bob, eve] = await Promise.all([1, 2, 3].map(() => joinGame(edgeOf(platform))));
      const inbox = listen(bob!, [{ channel: "inbox" }]);
      await inbox.subscribed;
      const { partyId } = await ada!.chat.createParty({});
      const { inviteId } = await ada!.chat.inviteToParty({ partyId, userId: bob!.userId });
      const invite = await until("the invite is in the inbox", async () => inbox.messages[0]);
      assert.equal(invite.content.case === "partyInvite" && invite.content.value.inviteId, inviteId);
      await inbox.close();
      await bob!.chat.respondToPartyInvite({ inviteId, accept: true });
      await bob!.chat.sendMessage({ channel: `party/${partyId}`, text: "here" });
      const { messages } = await ada!.chat.listMessages({ channel: `party/${partyId}` });
      assert.equal(messages[0]?.content.value, "here");
      await assert.rejects(eve!.chat.sendMessage({ channel: `party/${partyId}`, text: "me too" }), {
        code: Code.PermissionDenied,
      });
      await assert.rejects(eve!.chat.listMessages({ channel: `party/${partyId}` }), { code: Code.PermissionDenied });
    });

    test("a session that was ended is refused everywhere, and its stream ends", async () => {
      const ada = await joinGame(edgeOf(platform));
      const stream = listen(ada, [{ channel: "world" }]);
      await stream.subscribed;
      await ada.auth.logout({});
      await assert.rejects(ada.auth.refreshToken({ refreshToken: ada.refreshToken }), { code: Code.Unauthenticated });
      const refused = async (call: () => Promise<unknown>) =>
        call().then(
          () => false,
          (error) => error.code === Code.Unauthenticated,
        );
      await until("chat refuses it", () => refused(() => ada.chat.listMessages({ channel: "world" })));
      await until("account refuses it", () => refused(() => ada.account.getUserProfile({})));
      assert.equal(((await stream.ended) as { code?: Code }).code, Code.Unauthenticated);
    });
  });
}
