import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { type Trade, TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import { joinGame, type Player } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";
import { buy, ownedBy, refused } from "./purchases.ts";

interface Goods {
  items?: { itemId: string; quantity: number }[];
  gold?: bigint;
}

/** Offers a trade; `reached` waits until it has come to a status. */
export async function offer(from: Player, to: Player, offered: Goods, wanted: Goods, validS = 60) {
  const request = { requestId: randomUUID(), toUserId: to.userId, offered, wanted, validS };
  const { trade } = await from.social.offerTrade(request);
  const { tradeId } = trade!;
  const reached = (status: TradeStatus): Promise<Trade> =>
    until(`the trade is ${status}`, async () => {
      const { trade: now } = await from.social.getTrade({ tradeId });
      return now!.status === status && now;
    });
  return { tradeId, request, reached };
}

/** Items and gold from player to player, with everything in its place. */
export function trades(platform: Platform): void {
  const join = () => joinGame(edgeOf(platform));
  const bread = (quantity: number) => ({ items: [{ itemId: "bread", quantity }] });

  /** Two players, one of whom has 10 bread and 100 gold less, the other 4 arrows. */
  async function two() {
    const [ann, bob] = await Promise.all([join(), join()]);
    await Promise.all([buy(ann, "bread", 10), buy(bob, "arrow", 4)]);
    return { ann, bob, had: await Promise.all([ownedBy(ann), ownedBy(bob)]) };
  }

  describe("trades", () => {
    test("items and gold change hands both ways when the other accepts", async () => {
      const { ann, bob, had } = await two();
      const { tradeId, reached } = await offer(
        ann,
        bob,
        { ...bread(3), gold: 50n },
        { items: [{ itemId: "arrow", quantity: 4 }], gold: 7n },
      );
      await reached(TradeStatus.OFFERED);
      assert.equal((await ann.inventory.listItems({})).items.find(({ itemId }) => itemId === "bread")?.reserved, 3);
      await bob.social.acceptTrade({ tradeId });
      await reached(TradeStatus.COMPLETED);
      assert.deepEqual(await Promise.all([ownedBy(ann), ownedBy(bob)]), [
        { gold: had[0].gold - 43, items: { bread: 7, arrow: 4 } },
        { gold: had[1].gold + 43, items: { bread: 3 } },
      ]);
      assert.equal((await bob.social.acceptTrade({ tradeId })).trade?.status, TradeStatus.COMPLETED);
      const { trades: listed } = await bob.social.listTrades({});
      assert.deepEqual(
        listed.map((trade) => trade.tradeId),
        [tradeId],
      );
    });

    test("an offer that is declined, taken back or not answered leaves all as it was", async () => {
      const { ann, bob, had } = await two();
      const ended = async (status: TradeStatus, end: (tradeId: string) => Promise<unknown>, validS = 60) => {
        const { tradeId, reached } = await offer(ann, bob, bread(10), { gold: 5n }, validS);
        await reached(TradeStatus.OFFERED);
        await end(tradeId);
        await reached(status);
        return tradeId;
      };
      const declined = await ended(TradeStatus.DECLINED, (tradeId) => bob.social.declineTrade({ tradeId }));
      await ended(TradeStatus.CANCELLED, (tradeId) => ann.social.declineTrade({ tradeId }));
      const expired = await ended(TradeStatus.EXPIRED, async () => undefined, 1);
      await assert.rejects(
        bob.social.acceptTrade({ tradeId: declined }),
        refused(Code.FailedPrecondition, "trade_answered"),
      );
      await assert.rejects(
        bob.social.acceptTrade({ tradeId: expired }),
        refused(Code.FailedPrecondition, "trade_expired"),
      );
      await until("nothing is reserved", async () => (await ann.inventory.listItems({})).items[0]?.reserved === 0);
      assert.deepEqual(await Promise.all([ownedBy(ann), ownedBy(bob)]), had);
    });

    test("what is promised to one trade is not there for another", async () => {
      const { ann, bob } = await two();
      const first = await offer(ann, bob, bread(7), { gold: 1n });
      await first.reached(TradeStatus.OFFERED);
      const second = await offer(ann, bob, bread(7), { gold: 1n });
      const { reason } = await second.reached(TradeStatus.FAILED);
      assert.equal(reason, "not_enough_items");
    });

    test("the other's empty purse or bag ends it, and everybody keeps what they had", async () => {
      const { ann, bob, had } = await two();
      const tooMuch: [Goods, string][] = [
        [{ gold: 1_000_000n }, "not_enough_gold"],
        [{ items: [{ itemId: "ruby", quantity: 1 }] }, "not_enough_items"],
      ];
      for (const [wanted, reason] of tooMuch) {
        const { tradeId, reached } = await offer(ann, bob, { ...bread(2), gold: 10n }, wanted);
        await reached(TradeStatus.OFFERED);
        await bob.social.acceptTrade({ tradeId });
        assert.equal((await reached(TradeStatus.FAILED)).reason, reason);
      }
      assert.deepEqual(await Promise.all([ownedBy(ann), ownedBy(bob)]), had);
    });

    test("the same offer at once is one trade; another under its name is refused", async () => {
      const { ann, bob } = await two();
      const { request } = await offer(ann, bob, bread(1), {});
      const again = await Promise.all([ann.social.offerTrade(request), ann.social.offerTrade(request)]);
      assert.equal(new Set(again.map(({ trade }) => trade?.tradeId)).size, 1);
    });

    test("of accepting and declining at once, one wins and the other is told", async () => {
      const { ann, bob } = await two();
      const { tradeId, reached } = await offer(ann, bob, bread(1), { gold: 1n });
      await reached(TradeStatus.OFFERED);
      const outcomes = await Promise.allSettled([
        bob.social.acceptTrade({ tradeId }),
        ann.social.declineTrade({ tradeId }),
      ]);
      const lost = outcomes.filter((outcome) => outcome.status === "rejected");
      assert.equal(lost.length, 1);
      assert.ok(refused(Code.FailedPrecondition, "trade_answered")(lost[0]!.reason));
      await reached(outcomes[0].status === "fulfilled" ? TradeStatus.COMPLETED : TradeStatus.CANCELLED);
    });

    test("nobody accepts their own offer, or sees the trades of others", async () => {
      const { ann, bob } = await two();
      const eve = await join();
      const { tradeId } = await offer(ann, bob, bread(1), {});
      await assert.rejects(ann.social.acceptTrade({ tradeId }), refused(Code.PermissionDenied, "not_yours_to_accept"));
      for (const call of [eve.social.getTrade, eve.social.acceptTrade, eve.social.declineTrade])
        await assert.rejects(call({ tradeId }), refused(Code.NotFound, "trade_unknown"));
    });

    test("an offer to nobody, to oneself, of nothing or of one thing twice is refused", async () => {
      const [ann, bob] = [await join(), await join()];
      const request = (toUserId: string, offered: Goods) =>
        ann.social.offerTrade({ requestId: randomUUID(), toUserId, offered });
      await assert.rejects(request(randomUUID(), bread(1)), refused(Code.NotFound, "player_unknown"));
      await assert.rejects(request(ann.userId, bread(1)), refused(Code.InvalidArgument, "trade_with_oneself"));
      await assert.rejects(request(bob.userId, {}), refused(Code.InvalidArgument, "trade_of_nothing"));
    });
  });
}
