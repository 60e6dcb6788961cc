import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { joinGame, listen } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** Each engine is killed and comes back; what needs it does too, without help. */
export function enginesKilled(platform: Platform): void {
  describe("an engine is killed", () => {
    test("Kafka: logins and chat go on, and the events arrive once it is back", async () => {
      await platform().process("kafka").stop();
      const ada = await joinGame(edgeOf(platform));
      await ada.chat.sendMessage({ channel: `zone/${ada.username}`, text: "no Kafka here" });
      await platform().process("kafka").start();
      await until(
        "the login is on the profile",
        async () => (await ada.account.getUserProfile({})).profile?.lastLoginTime !== undefined,
        90_000,
      );
    });

    test("Redis: a listener gets what was said meanwhile, once and in order", async () => {
      const [ada, bob] = [await joinGame(edgeOf(platform)), await joinGame(edgeOf(platform))];
      const channel = `zone/${ada.username}`;
      const stream = listen(bob, [{ channel }]);
      await stream.subscribed;
      await ada.chat.sendMessage({ channel, text: "before" });
      platform().process("redis").kill("SIGKILL");
      await until("a message is accepted", () => ada.chat.sendMessage({ channel, text: "meanwhile" }));
      await platform().process("redis").waitReady();
      await until("a message is accepted", () => ada.chat.sendMessage({ channel, text: "after" }));
      await until("the listener has all", async () => stream.messages.at(-1)?.content.value === "after");
      assert.deepEqual(
        stream.messages.map(({ content }) => content.value),
        ["before", "meanwhile", "after"],
      );
      assert.deepEqual(
        stream.messages.map(({ messageId }) => messageId),
        [1n, 2n, 3n],
      );
      await stream.close();
    });

    test("Postgres: calls are refused as UNAVAILABLE, and work again once it is back", async () => {
      const ada = await joinGame(edgeOf(platform));
      const channel = `zone/${ada.username}`;
      await platform().process("postgres").stop();
      await assert.rejects(ada.chat.sendMessage({ channel, text: "x" }), /unavailable/);
      await platform().process("postgres").start();
      await until("chat works again", () => ada.chat.sendMessage({ channel, text: "back" }));
      await until("logins work again", () => joinGame(edgeOf(platform)));
    });

    test("a chat replica: players go on through the other, and a stream resumes without loss or repeat", async () => {
      const [ada, bob] = [await joinGame(edgeOf(platform)), await joinGame(edgeOf(platform))];
      const channel = `zone/${ada.username}`;
      const seen: bigint[] = [];
      let cursor = 0n;
      const reading = new AbortController();
      const reader = (async () => {
        while (!reading.signal.aborted) {
          try {
            const request = { subscriptions: [{ channel, afterMessageId: cursor }] };
            for await (const { event } of bob.chat.subscribeMessages(request, { signal: reading.signal })) {
              if (event.case !== "message") continue;
              cursor = event.value.messageId;
              seen.push(cursor);
            }
          } catch {
            // The connection broke: it begins again after the last message seen.
          }
        }
      })();
      const count = 30;
      for (let i = 1; i <= count; i++) {
        if (i === 10) platform().process("chat").kill("SIGKILL");
        if (i === 20) platform().process("chat-2").kill("SIGKILL");
        const requestId = `${ada.username}-${i}`;
        await until("the message is accepted", () =>
          ada.chat.sendMessage({ channel, text: `message ${i}`, requestId }),
        );
      }
      await until("the reader has all", async () => cursor === BigInt(count), 60_000);
      reading.abort();
      await reader;
      assert.deepEqual(
        seen,
        Array.from({ length: count }, (_, i) => BigInt(i + 1)),
      );
      await Promise.all(["chat", "chat-2"].map((name) => platform().process(name).waitReady()));
    });
  });
}
