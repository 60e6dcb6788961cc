import type { ServiceImpl } from "@connectrpc/connect";
import type { GoldLedgerService } from "#gen/game/account/v1/gold_ledger_service_pb.ts";
import type { Gold } from "./gold.ts";

/** Answers for game.account.v1.GoldLedgerService. */
export function createGoldLedgerService(gold: Gold): ServiceImpl<typeof GoldLedgerService> {
  return {
    async deductGold({ operationId, userId, amount }) {
      return { balance: await gold.deduct(operationId, userId, amount) };
    },
    async refundGold({ operationId }) {
      return { refunded: await gold.refund(operationId) };
    },
    async creditGold({ operationId, userId, amount }) {
      return { balance: await gold.credit(operationId, userId, amount) };
    },
  };
}
