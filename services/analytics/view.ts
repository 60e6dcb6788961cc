import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { SagaSchema, SagaStatisticsSchema, SagaStatus as Wire } from "#gen/game/analytics/v1/saga_pb.ts";
import { endOf, type Saga, type SagaStatistics, type SagaStatus, sagaStatuses } from "./saga.ts";

const wire: Record<SagaStatus, Wire> = {
  started: Wire.STARTED,
  completed: Wire.COMPLETED,
  failed: Wire.FAILED,
  compensated: Wire.COMPENSATED,
  needs_repair: Wire.NEEDS_REPAIR,
};

/** Undefined for UNSPECIFIED. */
export const fromStatus = (status: Wire): SagaStatus | undefined => sagaStatuses.find((name) => wire[name] === status);

export function toSaga({ startTime, statusTime, status, ...fields }: Saga) {
  const endTime = endOf({ status, statusTime });
  return create(SagaSchema, {
    ...fields,
    status: wire[status],
    startTime: timestampFromDate(startTime),
    ...(endTime && { endTime: timestampFromDate(endTime) }),
  });
}

export function toStatistics({ type, counts, averageDurationS, p99DurationS, lastFailures }: SagaStatistics) {
  return create(SagaStatisticsSchema, {
    type,
    started: BigInt(counts.started),
    completed: BigInt(counts.completed),
    failed: BigInt(counts.failed),
    compensated: BigInt(counts.compensated),
    needsRepair: BigInt(counts.needs_repair),
    averageDurationS,
    p99DurationS,
    lastFailures: lastFailures.map(toSaga),
  });
}
