import type { Client } from "@connectrpc/connect";
import type { GoldLedgerService } from "#gen/game/account/v1/gold_ledger_service_pb.ts";
import type { ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import type { TradeLedgerService } from "#gen/game/social/v1/trade_ledger_service_pb.ts";
import { TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import { refusedOrTrouble } from "../refusals.ts";
import type { TradeSide } from "./workflow.ts";

/** The steps of a trade and their undoing, each a call of the service that owns the books. An undo says whether there was something. */
export function createTradeActivities(services: {
  account: Client<typeof GoldLedgerService>;
  inventory: Client<typeof ItemLedgerService>;
  social: Client<typeof TradeLedgerService>;
}) {
  const { account, inventory, social } = services;
  return {
    async reserveItems(operationId: string, { userId, items }: TradeSide): Promise<void> {
      await refusedOrTrouble(inventory.reserveItems({ operationId, userId, items }));
    },
    async releaseItems(operationId: string): Promise<boolean> {
      return (await refusedOrTrouble(inventory.releaseItems({ operationId }))).released;
    },
    /** Hands over what two reservations hold, each to the other's player. */
    async exchangeItems(operationId: string, firstReservation: string, secondReservation: string): Promise<void> {
      await refusedOrTrouble(inventory.exchangeItems({ operationId, firstReservation, secondReservation }));
    },
    async takeGold(operationId: string, { userId, gold }: TradeSide): Promise<void> {
      await refusedOrTrouble(account.deductGold({ operationId, userId, amount: BigInt(gold) }));
    },
    async returnGold(operationId: string): Promise<boolean> {
      return (await refusedOrTrouble(account.refundGold({ operationId }))).refunded;
    },
    async giveGold(operationId: string, userId: string, gold: string): Promise<void> {
      await refusedOrTrouble(account.creditGold({ operationId, userId, amount: BigInt(gold) }));
    },
    async setTradeStatus(tradeId: string, status: keyof typeof TradeStatus, reason: string): Promise<void> {
      await refusedOrTrouble(social.setTradeStatus({ tradeId, status: TradeStatus[status], reason }));
    },
  };
}
