import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { PurchaseLedgerService } from "#gen/game/analytics/v1/purchase_ledger_service_pb.ts";
import type { Books } from "./books.ts";
import type { SagaMonitor } from "./saga-monitor.ts";
import { fromStatus } from "./view.ts";

/** Answers for game.analytics.v1.PurchaseLedgerService. */
export function createPurchaseLedgerService(
  books: Books,
  monitor: SagaMonitor,
): ServiceImpl<typeof PurchaseLedgerService> {
  return {
    async logPurchase({ operationId, purchaseId, userId, itemId, quantity, price }) {
      await books.log(operationId, { purchaseId, userId, itemId, quantity, price });
      return {};
    },
    async strikePurchase({ operationId }) {
      return { struck: await books.strike(operationId) };
    },
    async addRevenue({ operationId, itemId, quantity, revenue }) {
      await books.addRevenue(operationId, { itemId, quantity, revenue });
      return {};
    },
    async revertRevenue({ operationId }) {
      return { reverted: await books.revertRevenue(operationId) };
    },
    async recordSagaStatus({ sagaId, type, status, reason, userId, traceId, startTime, statusTime }) {
      await monitor.record({
        sagaId,
        type,
        status: fromStatus(status)!,
        reason,
        userId,
        traceId,
        startTime: timestampDate(startTime!),
        statusTime: timestampDate(statusTime!),
      });
      return {};
    },
  };
}
