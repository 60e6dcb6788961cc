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

/** What has been undone stays so: the services that undid a step refuse to do it ever again. */
const isUndone = (status: SagaStatus) => status === "failed" || status === "compensated";

/**
 * Whether a saga that is known to be at `known` is at `next` from now on, or `next` only comes late (or again).
 *
 * That it has completed is not the last word: a worker may say so and die before Temporal has heard it, and the next has to undo it all.
 */
export function replaces(
  next: Pick<Saga, "status" | "statusTime">,
  known: Pick<Saga, "status" | "statusTime">,
): boolean {
  if (next.status === "started" || next.status === known.status || isUndone(known.status)) return false;
  return known.status === "started" || isUndone(next.status) || next.statusTime >= known.statusTime;
}

/** Seconds from its start to its status. Never negative, although clocks differ. */
export const durationOf = ({ startTime, statusTime }: Pick<Saga, "startTime" | "statusTime">): number =>
  Math.max(0, statusTime.getTime() - startTime.getTime()) / 1_000;

/** When it ended, unless it still runs or waits for a person. */
export const endOf = ({ status, statusTime }: Pick<Saga, "status" | "statusTime">): Date | undefined =>
  status === "started" || status === "needs_repair" ? undefined : statusTime;
