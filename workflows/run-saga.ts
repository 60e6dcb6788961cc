import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
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

/**
 * Each try of a step. The call itself gives up a little earlier. While a local activity runs, Temporal keeps questions and signals from the
 * saga, so only the first try follows at once: the others wait on Temporal's timers.
 */
const attempt = { startToCloseTimeout: "3s", localRetryThreshold: "50ms" } as const;
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

type Activities = ReturnType<typeof createSagaActivities>;
/** Analytics is told at once, or by and by; no player waits for that. */
const atOnce = proxyLocalActivities<Activities>({ startToCloseTimeout: "1s", retry: { maximumAttempts: 1 } });
const byAndBy = proxyActivities<Activities>({
  startToCloseTimeout: "3s",
  retry: { ...backOff, maximumInterval: "5s" },
});

/**
 * Runs a saga from its first step to its end: the story, and when it fails, its undoing. Analytics is told of each status; that it
 * has started only of a saga that takes its time: one that waits for somebody, or is undone because of trouble.
 *
 * It does one thing at a time. Of local activities that overlap, Temporal's replay gives the answers in the order of the calls, whatever
 * order they came in: a saga that had gone on in theirs could not be run again after its worker's death.
 *
 * @param tell is told of each standing after the start, before analytics is.
 * @param story takes the saga, and `lasts`, to be called before it waits for somebody.
 * @returns once the saga has ended; a saga that needs repair waits for {@link repairSignal}.
 */
export async function runSaga(
  type: SagaReport["type"],
  userId: string,
  tell: (standing: Standing) => Promise<void> | void,
  story: (saga: Saga, lasts: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { workflowId: sagaId, startTime } = workflowInfo();
  const shield = <T>(work: () => Promise<T>) => CancellationScope.nonCancellable(work);
  const reportOf = (standing: Standing): SagaReport => {
    const times = { startTime: startTime.getTime(), statusTime: Date.now() };
    return { sagaId, type, userId, ...times, ...standing };
  };
  async function report(standing: Standing): Promise<void> {
    const known = reportOf(standing);
    await shield(() => atOnce.recordStatus(known).catch(() => byAndBy.recordStatus(known)));
  }
  /** Once, and not insisted on: the saga's end is told in any case. */
  const lasts = once(async () => {
    const known = reportOf({ status: "STARTED", reason: "" });
    await shield(() => atOnce.recordStatus(known).catch(() => undefined));
  });

  const repairs: Repair[] = [];
  setHandler(repairSignal, (repair) => {
    repairs.push(repair);
  });
  async function askForRepair(failed: string[], error: unknown): Promise<Repair> {
    const standing = { status: "NEEDS_REPAIR", reason: `${failed.join(", ")}: ${reasonOf(error, "it")}` } as const;
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
  let end: Standing = { status: "COMPLETED", reason: "" };
  try {
    await story(saga, lasts);
  } catch (error) {
    if (isTrouble(error)) await lasts();
    const failed = saga.steps.findLast(({ status }) => status === "FAILED")?.name;
    const undone = await saga.undo();
    if (!(error instanceof CalledOff))
      end = { status: undone ? "COMPENSATED" : "FAILED", reason: reasonOf(error, failed) };
  }
  await shield(async () => {
    await tell(end);
    await report(end);
  });
}

/** A refusal's own reason; else that there was trouble, with what. */
function reasonOf(error: unknown, step: string | undefined): string {
  if (isCancellation(error)) return "cancelled";
  return refusalOf(error) ?? (step ? `${step} was not answered` : "internal");
}

/**
 * Undefined for trouble.
 *
 * Looks at what went wrong, not at what it is wrapped in: in a replay the timeout of a local activity comes without the ActivityFailure that it
 * came in first.
 */
function refusalOf(error: unknown): string | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.nonRetryable ? cause.type || undefined : undefined;
}

const isTrouble = (error: unknown): boolean =>
  !(error instanceof CalledOff || isCancellation(error) || refusalOf(error));

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
