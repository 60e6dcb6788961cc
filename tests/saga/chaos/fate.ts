import type { Client as TemporalClient } from "@temporalio/client";
import { PurchaseLedgerService } from "#gen/game/analytics/v1/purchase_ledger_service_pb.ts";
import { type ExchangeItemsRequest, ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import { createServiceClient } from "#kit/client.ts";
import type { Address } from "../../../mesh/local/topology.ts";
import { until } from "../../support/until.ts";
import type { Fate } from "./striker.ts";

/**
 * Dooms a saga at its last step by an undo that comes first, which the ledgers must hold against the step: the revenue is reverted before
 * it is added, and one side of an exchange is released before it.
 *
 * @param egress the worker's way out: only the worker may call the ledgers.
 */
export function createFate(egress: Address, temporal: TemporalClient): Fate {
  const analytics = createServiceClient(PurchaseLedgerService, "analytics", egress);
  const inventory = createServiceClient(ItemLedgerService, "inventory", egress);
  return {
    async doom({ method, operationId, request }) {
      await until<unknown>("a saga is doomed", () =>
        method === "AddRevenue"
          ? analytics.revertRevenue({ operationId })
          : inventory.releaseItems({ operationId: (request as ExchangeItemsRequest).secondReservation }),
      );
    },
    async cancel(sagaId) {
      // It may have ended, or Temporal may be down: then nobody cancels it.
      await temporal.workflow
        .getHandle(sagaId)
        .cancel()
        .catch(() => undefined);
    },
  };
}
