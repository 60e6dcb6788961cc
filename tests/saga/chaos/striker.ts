import { pause } from "#kit/pause.ts";
import type { Stack } from "../../../stack/stack.ts";
import { sagaOf } from "../books/totals.ts";
import { hit } from "./blow.ts";
import { lastStep } from "./boundaries.ts";
import type { Boundary, Strike } from "./schedule.ts";
import type { Verdict, Watch, WorkerCall } from "./worker-calls.ts";

/** What a striker does beside dealing blows. */
export interface Fate {
  /** Sees to it that the call's step is refused, so that its saga has to undo what it did. */
  doom(call: WorkerCall): Promise<void>;
  /** Asks Temporal to cancel a saga. */
  cancel(sagaId: string): Promise<void>;
}

/** Deals blows, each at its boundary. */
export interface Striker {
  /** For the calls of the worker. */
  watch: Watch;
  /** Deals it and resolves when its victim takes work again. False when no saga came to its boundary in time, or `ending` was aborted. */
  strike(strike: Strike): Promise<boolean>;
}

/** How long a saga may take to come by. */
const reachDeadlineMs = 120_000;
/** A saga that is to be struck while it undoes may be held up on its way there; then another is doomed. */
const doomAgainMs = 15_000;

interface Aim {
  strike: Strike;
  at: Boundary;
  /** Those that were doomed for it, and when the last was. Others, that failed by themselves, may have nothing to undo. */
  doomed: Set<string>;
  doomTime: number;
  reached: (recovered: Promise<void>) => void;
}

export function createStriker(stack: Stack, fate: Fate, ending: AbortSignal): Striker {
  /** One for each kind of saga. */
  const aims = new Map<string, Aim>();

  async function come(call: WorkerCall, moment: Boundary["moment"]): Promise<Verdict> {
    const saga = call.operationId.split("-", 1)[0]!;
    const aim = aims.get(saga);
    if (!aim) return "pass";
    const { at, strike, reached } = aim;
    const step = call.operationId.slice(call.operationId.lastIndexOf("/") + 1);
    if (at.undo && moment === "before" && isLast(at, step, call) && Date.now() - aim.doomTime > doomAgainMs) {
      aim.doomTime = Date.now();
      aim.doomed.add(sagaOf(call.operationId));
      await fate.doom(call);
      return "pass";
    }
    if (at.moment !== moment || at.step !== step || at.method !== call.method) return "pass";
    if (at.undo && !aim.doomed.has(sagaOf(call.operationId))) return "pass";
    aims.delete(saga);
    if (strike.means === "cancel") {
      reached(Promise.resolve());
      await fate.cancel(sagaOf(call.operationId));
      return "pass";
    }
    const recovered = hit(stack, strike);
    reached(recovered.then((victim) => victim.recovered));
    await recovered;
    if (strike.means === "pause") {
      // The victim stands still while the call is under way, or while its answer comes late.
      if (moment === "after") await (await recovered).recovered;
      return "pass";
    }
    return moment === "after" || strike.victim === "saga-worker" ? "lose" : "pass";
  }

  return {
    watch: { before: (call) => come(call, "before"), after: (call) => come(call, "after") },
    async strike(strike) {
      const { at } = strike;
      if (!at) {
        await pause(strike.waitMs, ending);
        if (ending.aborted) return false;
        await (await hit(stack, strike)).recovered;
        return true;
      }
      const struck = Promise.withResolvers<{ recovered: Promise<void> }>();
      aims.set(at.saga, {
        ...{ strike, at, doomed: new Set(), doomTime: 0 },
        reached: (recovered) => struck.resolve({ recovered }),
      });
      const late = new AbortController();
      const gaveUp = pause(reachDeadlineMs, AbortSignal.any([ending, late.signal]));
      const recovered = await Promise.race([struck.promise, gaveUp.then(() => undefined)]);
      late.abort();
      aims.delete(at.saga);
      await recovered?.recovered;
      return recovered !== undefined;
    },
  };
}

const isLast = ({ saga }: Boundary, step: string, { method }: WorkerCall) =>
  step === lastStep[saga] && (method === "AddRevenue" || method === "ExchangeItems");
