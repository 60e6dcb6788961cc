import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { joinGame } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** A logout reaches every service. */
export function endedSessions(platform: Platform): void {
  describe("ended sessions", () => {
    test("a token whose session has ended is refused by every service", async () => {
      const ada = await joinGame(edgeOf(platform));
      const calls = {
        account: () => ada.account.getUserProfile({}),
        chat: () => ada.chat.listMessages({ channel: "world" }),
        inventory: () => ada.inventory.listItems({}),
        social: () => ada.social.listTrades({}),
        match: () => ada.match.getRating({ userId: ada.userId }),
      };
      for (const call of Object.values(calls)) await call();
      await ada.auth.logout({});
      for (const [name, call] of Object.entries(calls))
        await until(`${name} refuses it`, async () => {
          try {
            await call();
            return false;
          } catch (error) {
            assert.equal((error as { code: Code }).code, Code.Unauthenticated);
            return true;
          }
        });
    });
  });
}
