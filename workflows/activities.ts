import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import { trace } from "@opentelemetry/api";
import type { PurchaseLedgerService } from "#gen/game/analytics/v1/purchase_ledger_service_pb.ts";
import { SagaStatus } from "#gen/game/analytics/v1/saga_pb.ts";
import { refusedOrTrouble } from "./refusals.ts";

/** A saga's status, for those who watch over sagas. */
export interface SagaReport {
  sagaId: string;
  type: "purchase" | "trade";
  status: Exclude<keyof typeof SagaStatus, "UNSPECIFIED">;
  /** Why it failed; empty otherwise. */
  reason: string;
  /** Who began it. */
  userId: string;
  /** Milliseconds since 1970. */
  startTime: number;
  statusTime: number;
}

/** What every saga does, whatever its story. */
export function createSagaActivities(analytics: Client<typeof PurchaseLedgerService>) {
  return {
    async recordStatus({ status, startTime, statusTime, ...report }: SagaReport): Promise<void> {
      await refusedOrTrouble(
        analytics.recordSagaStatus({
          ...report,
          status: SagaStatus[status],
          traceId: trace.getActiveSpan()?.spanContext().traceId ?? "",
          startTime: timestampFromMs(startTime),
          statusTime: timestampFromMs(statusTime),
        }),
      );
    },
  };
}
