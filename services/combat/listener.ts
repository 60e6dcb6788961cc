import type { CastResult } from "#gen/game/combat/v1/combat_service_pb.ts";
import type { Effect } from "#gen/game/combat/v1/effect_pb.ts";
import { createBell } from "#kit/bell.ts";
import * as metrics from "./metrics.ts";

/** What has come for a reader since it looked last. */
export interface Batch {
  effects: Effect[];
  results: CastResult[];
  /** Effects that there was no room for. */
  missed: number;
}

/** One stream's letter box. It has room for so much; who reads too slowly loses effects, and is told how many. */
export interface Listener {
  readonly userId: string;
  offer(effect: Effect): void;
  answer(result: CastResult): void;
  /** Answers that wait: they are never dropped. */
  readonly unread: number;
  /** What has come; waits for it, at most so long. Undefined when nothing came, or when woken. */
  next(ms: number): Promise<Batch | undefined>;
  wake(): void;
}

const capacity = 1_000;

export function createListener(userId: string): Listener {
  const bell = createBell();
  let batch: Batch = { effects: [], results: [], missed: 0 };
  const isEmpty = () => batch.effects.length + batch.results.length + batch.missed === 0;
  return {
    userId,
    offer(effect) {
      if (batch.effects.length < capacity) batch.effects.push(effect);
      else {
        batch.missed++;
        metrics.missed.add(1);
      }
      bell.ring();
    },
    answer(result) {
      batch.results.push(result);
      bell.ring();
    },
    get unread() {
      return batch.results.length;
    },
    async next(ms) {
      if (isEmpty()) await bell.wait(ms);
      if (isEmpty()) return undefined;
      const taken = batch;
      batch = { effects: [], results: [], missed: 0 };
      return taken;
    },
    wake: bell.ring,
  };
}
