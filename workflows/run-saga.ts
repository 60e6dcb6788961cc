import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  proxyLocalActivities,
  setHandler,
  upsertMemo,
  workflowInfo,
} from "@temporalio/workflow";
import type { createSagaActivities, SagaReport } from "./activities.ts";
import { createSaga, type Repair, type Saga } from "./saga.ts";

type Outcome = "COMPLETED" | "FAILED" | "COMPENSATED" | "NEEDS_REPAIR";

/** How a saga stands, for whoever shows it. */
export interface Standing {
  status: "STARTED" | Outcome;
  /** Why it failed; empty otherwise. */
  reason: string;
}

/** By a person, for a saga that needs repair: `"retry"` or `"settled"`. */
export const repairSignal = defineSignal<[Repair]>("repair");

/** Thrown by a story to end it without a failure: what was done is undone. */
export class CalledOff extends Error {}

/** Each try of a step. The call itself gives up a little earlier. */
const attempt = { startToCloseTimeout: "3s", localRetryThreshold: "500ms" } as const;
const backOff = { initialInterval: "100ms", backoffCoefficient: 2, maximumInterval: "2s" } as const;

/**
 * Steps are local activities: short, and done once however often they are asked for, so a worker's death costs a repeat and no more.
 * Trouble is retried, for as long as a player would wait; then the saga is undone.
 */
export const forward = { ...attempt, retry: backOff, scheduleToCloseTimeout: "10s" } as const;
/** Undoing is retried for much longer; then a person is asked. */
export const undoing = { ...attempt, retry: backOff, scheduleToCloseTimeout: "5m" } as const;
/** Where there is no way back, until it is done. */
export const endlessly = { ...attempt, retry: backOff } as const;

const { recordStatus } = proxyLocalActivities<ReturnType<typeof createSagaActivities>>(endlessly);

/**
 * Runs a saga from its first step to its end: the story, and when it fails, its undoing. Reports each status to analytics, which is not
 * waited for at the start.
 *
 * @param tell is told of each standing after the start, before analytics is.
 * @returns once the saga has ended; a saga that needs repair waits for {@link repairSignal}.
 */
export async function runSaga(
  type: SagaReport["type"],
  userId: string,
  tell: (standing: Standing) => Promise<void> | void,
  story: (saga: Saga) => Promise<void>,
): Promise<void> {
  const { workflowId: sagaId, startTime } = workflowInfo();
  const shield = <T>(work: () => Promise<T>) => CancellationScope.nonCancellable(work);
  const report = (standing: Standing) =>
    recordStatus({ sagaId, type, userId, startTime: startTime.getTime(), statusTime: Date.now(), ...standing });

  const repairs: Repair[] = [];
  setHandler(repairSignal, (repair) => {
    repairs.push(repair);
  });
  async function askForRepair(failed: string[], error: unknown): Promise<Repair> {
    const standing = { status: "NEEDS_REPAIR", reason: `${failed.join(", ")}: ${reasonOf(error)}` } as const;
    // What somebody said before does not answer this.
    repairs.length = 0;
    upsertMemo({ needs_repair: standing.reason });
    await tell(standing);
    await report(standing);
    await condition(() => repairs.length > 0);
    upsertMemo({ needs_repair: null });
    return repairs.shift()!;
  }

  const saga = createSaga(sagaId, shield, askForRepair);
  const started = shield(() => report({ status: "STARTED", reason: "" }));
  let end: Standing = { status: "COMPLETED", reason: "" };
  try {
    await story(saga);
  } catch (error) {
    const undone = await saga.undo();
    if (!(error instanceof CalledOff)) end = { status: undone ? "COMPENSATED" : "FAILED", reason: reasonOf(error) };
  }
  await shield(async () => {
    await tell(end);
    await started;
    await report(end);
  });
}

/** A refusal's own reason; else what kind of trouble it was. */
function reasonOf(error: unknown): string {
  if (isCancellation(error)) return "cancelled";
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.nonRetryable && cause.type) return cause.type;
  return error instanceof ActivityFailure ? `${error.activityType} was not answered` : "internal";
}
