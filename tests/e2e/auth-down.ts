import assert from "node:assert/strict";
import { describe, test } from "node:test";
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
      const auth = platform().process("auth");
      await auth.stop();
      const down = Date.now();
      let sent = 0;
      const channel = `zone/${ada.username}`;
      await until(
        "the key cache is past",
        async () => {
          await ada.chat.sendMessage({ channel, text: `still here, ${++sent}` });
          return Date.now() - down > pastCacheMs;
        },
        pastCacheMs + 30_000,
      );
      await assert.rejects(joinGame(edgeOf(platform)), (error) => {
        assert.equal(ConnectError.from(error).code, Code.Unavailable);
        return true;
      });
      const { messages } = await ada.chat.listMessages({ channel, pageSize: 200 });
      assert.equal(messages[0]?.messageId, BigInt(sent));
      await auth.start();
      const eve = await until("logins work again", () => joinGame(edgeOf(platform)));
      const answer = await until("the new token is accepted", () => eve.chat.sendMessage({ channel, text: "back" }));
      assert.equal(answer.message?.messageId, BigInt(sent + 1));
    });
  });
}
