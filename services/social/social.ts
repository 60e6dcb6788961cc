import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import type { SocialService } from "#gen/game/social/v1/social_service_pb.ts";
import { TradeSchema, TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import { refuse as refuseAnyway } from "#kit/errors.ts";
import { callerOf } from "#kit/identity.ts";
import { refuse } from "./refusals.ts";
import type { TradeStore } from "./store.ts";
import { faultOf, isEnd, type Side, type Trade } from "./trade.ts";
import type { Answer, Trades } from "./trades.ts";

const faults = {
  trade_with_oneself: "a trade takes two",
  trade_of_nothing: "nobody gives anything",
  item_twice: "an item is named twice on one side",
};
const defaultValidS = 300;
const largest = 2n ** 63n - 1n;

/** Answers for game.social.v1.SocialService. */
export function createSocialService(parts: {
  store: TradeStore;
  trades: Trades;
  accounts: Pick<Client<typeof AccountService>, "getUserProfile">;
  clock: () => Date;
}): ServiceImpl<typeof SocialService> {
  const { store, trades, accounts, clock } = parts;

  async function expectPlayer(userId: string): Promise<void> {
    try {
      await accounts.getUserProfile({ userId });
    } catch (error) {
      if (ConnectError.from(error).code === Code.NotFound) throw refuse("player_unknown", "there is no such player");
      throw refuseAnyway("dependency_away", "players can't be looked up now, try again", {
        retryAfterS: 1,
        cause: error,
      });
    }
  }

  /** A trade of that player. Of others nobody is told whether they exist. */
  async function findOwn(userId: string, tradeId: string): Promise<Trade> {
    const trade = await store.find(tradeId);
    if (!trade || (trade.fromUserId !== userId && trade.toUserId !== userId))
      throw refuse("trade_unknown", "you have no such trade");
    return trade;
  }

  async function answer(trade: Trade, given: Answer) {
    if (!isEnd(trade.status) && (await trades.answer(trade.tradeId, given)))
      return { trade: toMessage({ ...trade, status: given }) };
    const now = (await store.find(trade.tradeId))!;
    const same = now.status === given || (given === "ACCEPTED" && now.status === "COMPLETED");
    if (same) return { trade: toMessage(now) };
    if (now.status === "EXPIRED") throw refuse("trade_expired", "the offer has expired");
    throw refuse("trade_answered", `the offer is ${now.status.toLowerCase()}`);
  }

  return {
    async offerTrade(request, context) {
      const { userId } = callerOf(context.requestHeader);
      const validS = request.validS || defaultValidS;
      const offer = {
        tradeId: `trade-${userId}-${request.requestId}`,
        fromUserId: userId,
        toUserId: request.toUserId,
        offered: sideOf(request.offered),
        wanted: sideOf(request.wanted),
        expireTime: new Date(clock().getTime() + validS * 1_000),
      };
      const fault = faultOf(offer);
      if (fault) throw refuse(fault, faults[fault]);
      await expectPlayer(offer.toUserId);
      const { trade, same } = await store.open(offer);
      if (!same) throw refuse("request_differs", "this request id was given to another trade");
      // When this fails the saga may have begun all the same: the offer stays, and the same request begins what has not.
      if (trade.status === "OPENING") await trades.begin(trade);
      return { trade: toMessage(trade) };
    },

    async acceptTrade({ tradeId }, context) {
      const { userId } = callerOf(context.requestHeader);
      const trade = await findOwn(userId, tradeId);
      if (trade.toUserId !== userId) throw refuse("not_yours_to_accept", "only who is offered it can accept");
      return await answer(trade, "ACCEPTED");
    },

    async declineTrade({ tradeId }, context) {
      const { userId } = callerOf(context.requestHeader);
      const trade = await findOwn(userId, tradeId);
      return await answer(trade, trade.fromUserId === userId ? "CANCELLED" : "DECLINED");
    },

    async getTrade({ tradeId }, context) {
      return { trade: toMessage(await findOwn(callerOf(context.requestHeader).userId, tradeId)) };
    },

    async listTrades({ pageSize, pageToken }, context) {
      const { userId } = callerOf(context.requestHeader);
      if (!/^\d{0,18}$/.test(pageToken)) throw refuse("page_token_invalid", "page_token is not one of ours");
      const size = pageSize || 50;
      const found = await store.list(userId, pageToken ? BigInt(pageToken) : largest, size);
      const nextPageToken = found.length === size ? String(found.at(-1)!.number) : "";
      return { trades: found.map(({ trade }) => toMessage(trade)), nextPageToken };
    },
  };
}

const sideOf = (side: Side | undefined): Side => ({ items: side?.items ?? [], gold: side?.gold ?? 0n });

function toMessage({ status, createTime, expireTime, ...fields }: Trade) {
  return create(TradeSchema, {
    ...fields,
    status: TradeStatus[status],
    createTime: timestampFromDate(createTime),
    expireTime: timestampFromDate(expireTime),
  });
}
