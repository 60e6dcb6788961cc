/** What can become of a saga. */
export const sagaStatuses = ["started", "completed", "failed", "compensated", "needs_repair"] as const;
export type SagaStatus = (typeof sagaStatuses)[number];

/** The sagas that there are. One that is not named here is recorded all the same. */
export const sagaTypes: readonly string[] = ["purchase", "trade"];

/** One run of a saga, as far as it is known. */
export interface Saga {
  sagaId: string;
  type: string;
  status: SagaStatus;
  /** Why it failed; empty otherwise. */
  reason: string;
  userId: string;
  traceId: string;
  startTime: Date;
  /** When it came to its status. */
  statusTime: Date;
}

/** What sagas of one type have come to. */
export interface SagaStatistics {
  type: string;
  counts: Record<SagaStatus, number>;
  /** Of the last 10,000 that settled: seconds from the start to the end, or to the call for a person; 0 when none has so far. */
  averageDurationS: number;
  p99DurationS: number;
  /** Newest first. */
  lastFailures: Saga[];
}

/** A person who repairs a saga brings it to one of these, too. */
const isFinal = (status: SagaStatus) => status !== "started" && status !== "needs_repair";

/** Whether a saga that is known to be at `known` is at `next` from now on, or `next` only comes late (or again). */
export function replaces(
  next: Pick<Saga, "status" | "statusTime">,
  known: Pick<Saga, "status" | "statusTime">,
): boolean {
  if (next.status === "started" || next.status === known.status || isFinal(known.status)) return false;
  return known.status === "started" || next.statusTime >= known.statusTime;
}

/** Seconds from its start to its status. Never negative, although clocks differ. */
export const durationOf = ({ startTime, statusTime }: Pick<Saga, "startTime" | "statusTime">): number =>
  Math.max(0, statusTime.getTime() - startTime.getTime()) / 1_000;

/** When it ended, unless it still runs or waits for a person. */
export const endOf = ({ status, statusTime }: Pick<Saga, "status" | "statusTime">): Date | undefined =>
  isFinal(status) ? statusTime : undefined;
