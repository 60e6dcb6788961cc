import type { Client } from "@connectrpc/connect";
import type { GoldLedgerService } from "#gen/game/account/v1/gold_ledger_service_pb.ts";
import type { PurchaseLedgerService } from "#gen/game/analytics/v1/purchase_ledger_service_pb.ts";
import type { ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import { refusedOrTrouble } from "../refusals.ts";
import type { PurchaseOrder } from "./workflow.ts";

/** The steps of a purchase and their undoing, each a call of the service that owns the books. An undo says whether there was something. */
export function createPurchaseActivities(services: {
  account: Client<typeof GoldLedgerService>;
  inventory: Client<typeof ItemLedgerService>;
  analytics: Client<typeof PurchaseLedgerService>;
}) {
  const { account, inventory, analytics } = services;
  return {
    async deductGold(operationId: string, { userId, price }: PurchaseOrder): Promise<void> {
      await refusedOrTrouble(account.deductGold({ operationId, userId, amount: BigInt(price) }));
    },
    async refundGold(operationId: string): Promise<boolean> {
      return (await refusedOrTrouble(account.refundGold({ operationId }))).refunded;
    },
    async addItem(operationId: string, { userId, itemId, quantity }: PurchaseOrder): Promise<void> {
      await refusedOrTrouble(inventory.addItem({ operationId, userId, items: { itemId, quantity } }));
    },
    async removeAddedItem(operationId: string): Promise<boolean> {
      return (await refusedOrTrouble(inventory.removeAddedItem({ operationId }))).removed;
    },
    async logPurchase(operationId: string, order: PurchaseOrder): Promise<void> {
      await refusedOrTrouble(analytics.logPurchase({ operationId, ...order, price: BigInt(order.price) }));
    },
    async strikePurchase(operationId: string): Promise<boolean> {
      return (await refusedOrTrouble(analytics.strikePurchase({ operationId }))).struck;
    },
    async updateRevenue(operationId: string, { itemId, quantity, price }: PurchaseOrder): Promise<void> {
      await refusedOrTrouble(analytics.addRevenue({ operationId, itemId, quantity, revenue: BigInt(price) }));
    },
    async revertRevenue(operationId: string): Promise<boolean> {
      return (await refusedOrTrouble(analytics.revertRevenue({ operationId }))).reverted;
    },
  };
}
