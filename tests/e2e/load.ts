import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConnectError } from "@connectrpc/connect";
import { joinGame } from "../support/players.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** The guide's third test. */
export function crowd(platform: Platform): void {
  describe("a crowd", () => {
    test("100 players send 10 messages each, and at least 95 % succeed", async (t) => {
      const players = [];
      // Ten at a time: a login is mostly argon2id, by design.
      for (let i = 0; i < 10; i++)
        players.push(...(await Promise.all(Array.from({ length: 10 }, () => joinGame(edgeOf(platform))))));
      const failures = new Map<string, number>();
      const channel = `zone/crowd-${players[0]!.username}`;
      await Promise.all(
        players.map(async (player) => {
          for (let i = 0; i < 10; i++)
            await player.chat.sendMessage({ channel, text: `message ${i} of ${player.username}` }).catch((error) => {
              const { message } = ConnectError.from(error);
              failures.set(message, (failures.get(message) ?? 0) + 1);
            });
        }),
      );
      const failed = [...failures.values()].reduce((a, b) => a + b, 0);
      for (const [message, times] of failures) t.diagnostic(`${times} times: ${message}`);
      t.diagnostic(`${1000 - failed} of 1000 messages accepted`);
      assert.ok(failed <= 50, `${failed} of 1000 messages were refused`);
      const { messages } = await players[0]!.chat.listMessages({ channel, pageSize: 1 });
      assert.equal(messages[0]?.messageId, BigInt(1000 - failed), "as many are stored as were accepted");
    });
  });
}
