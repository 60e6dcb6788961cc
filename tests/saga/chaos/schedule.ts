import { createDice, type Dice } from "./dice.ts";

/** Where a saga can be struck: beside which call, and on which side of the work. */
export interface Boundary {
  saga: "purchase" | "trade";
  /** As in the operation id: `deduct_gold`. */
  step: string;
  /** The RPC that is called: of the step itself or of its undo. */
  method: string;
  undo: boolean;
  /** before: the call has not left. after: the work is done, the answer is not there yet. */
  moment: "before" | "after";
}

/** One blow. */
export interface Strike {
  /** Nowhere in particular: after `waitMs`. */
  at?: Boundary;
  waitMs: number;
  victim: string;
  /** kill: SIGKILL, and started again. pause: SIGSTOP, and SIGCONT. cancel: a person cancels the saga in Temporal. */
  means: "kill" | "pause" | "cancel";
  /** How long the victim is left dead or still. */
  downMs: number;
}

/** Who can be hit. Each holds a part of the truth, or carries it. */
export const victims = [
  "saga-worker",
  "saga-worker-sidecar",
  "account",
  "account-sidecar",
  "inventory",
  "inventory-sidecar",
  "analytics",
  "analytics-sidecar",
  "social",
  "social-sidecar",
  "postgres",
  "redis",
  "kafka",
  "temporal",
] as const;

/** Longer than a saga tries a step for. */
const outageMs = 12_000;
/** Steps after which there is no way back: tried until they are answered. */
const noWayBack = ["ExchangeItems", "CreditGold"];

/** Who matters to a call at its boundary. */
const weights = { worker: 4, target: 3, targetSidecar: 1, workerSidecar: 1, postgres: 1, temporal: 1, saga: 1 };

function victimAt(dice: Dice, target: string): string {
  const names: Record<keyof typeof weights, string> = {
    worker: "saga-worker",
    target,
    targetSidecar: `${target}-sidecar`,
    workerSidecar: "saga-worker-sidecar",
    postgres: "postgres",
    temporal: "temporal",
    saga: "saga",
  };
  return names[dice.weighted(weights)];
}

/** The blows of one round: each boundary once, and each victim at a moment of no meaning. */
export interface Round {
  aimed: Strike[];
  anywhere: Strike[];
}

/**
 * Plans a round. The same seed plans the same.
 *
 * @param targetOf the service that answers a boundary's call.
 */
export function planRound(
  boundaries: readonly Boundary[],
  targetOf: (boundary: Boundary) => string,
  seed: number,
  round: number,
): Round {
  const dice = createDice(seed, 1_000_000 + round);
  const blow = (victim: string): Strike => ({
    victim,
    means: victim === "saga" ? "cancel" : dice.weighted({ kill: 3, pause: 1 }),
    waitMs: dice.int(2_000, 15_000),
    downMs: dice.int(200, 3_000),
  });
  const aimed = dice.shuffled(boundaries).map((at): Strike => ({ at, ...blow(victimAt(dice, targetOf(at))) }));
  // Once for each kind of saga, a step is done, and its service stays away until the saga has given the step up.
  for (const saga of ["purchase", "trade"] as const) {
    const canFail = ({ at }: Strike) => !at!.undo && !noWayBack.includes(at!.method);
    const done = aimed.find((strike) => strike.at!.saga === saga && strike.at!.moment === "after" && canFail(strike));
    if (done) Object.assign(done, { victim: targetOf(done.at!), means: "kill", downMs: outageMs });
  }
  const anywhere = dice.shuffled(victims).map(blow);
  return { aimed, anywhere };
}
