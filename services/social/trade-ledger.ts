import type { ServiceImpl } from "@connectrpc/connect";
import type { TradeLedgerService } from "#gen/game/social/v1/trade_ledger_service_pb.ts";
import { TradeStatus, TradeStatusSchema } from "#gen/game/social/v1/trade_pb.ts";
import { refuse } from "./refusals.ts";
import type { TradeStore } from "./store.ts";
import type { Status } from "./trade.ts";

/** Answers for game.social.v1.TradeLedgerService. */
export function createTradeLedgerService(store: Pick<TradeStore, "setStatus">): ServiceImpl<typeof TradeLedgerService> {
  return {
    async setTradeStatus({ tradeId, status, reason }) {
      const now = await store.setStatus(tradeId, TradeStatusSchema.value[status]!.localName as Status, reason);
      if (!now) throw refuse("trade_unknown", "there is no such trade");
      return { status: TradeStatus[now] };
    },
  };
}
