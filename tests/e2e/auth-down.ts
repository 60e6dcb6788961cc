import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { joinGame } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** Longer than the edge keeps a key set without a refresh (mesh/istio/security/envoy-filter-edge-jwks-refresh.yaml). */
const pastCacheMs = 20_000;

/** The guide's second test. */
export function authDown(platform: Platform): void {
  describe("auth is down", () => {
    test("tokens issued go on chatting, also past the key cache; new logins fail, and work again after recovery", async () => {
      const ada = await joinGame(edgeOf(platform));
      const channel = `zone/${ada.username}`;
      const auth = platform().process("auth");
      await auth.stop();
      try {
        // Slower than the limit of chat's messages.
        for (let sent = 0; sent * 500 < pastCacheMs; sent++) {
          const { message } = await ada.chat.sendMessage({ channel, text: `still here, ${sent}` });
          assert.equal(message?.messageId, BigInt(sent + 1));
          await pause(500);
        }
        await assert.rejects(joinGame(edgeOf(platform)), (error) => {
          assert.equal(ConnectError.from(error).code, Code.Unavailable);
          return true;
        });
      } finally {
        await auth.start();
      }
      const eve = await until("logins work again", () => joinGame(edgeOf(platform)));
      const answer = await until("the new token is accepted", () => eve.chat.sendMessage({ channel, text: "back" }));
      assert.equal(answer.message?.sender?.userId, eve.userId);
    });
  });
}
