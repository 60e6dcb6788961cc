import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Cast } from "#gen/game/combat/v1/combat_service_pb.ts";
import { type Allowance, createAllowance, type Rate } from "./allowance.ts";
import type { Arena } from "./arena.ts";
import type { Ledger } from "./ledger.ts";
import * as metrics from "./metrics.ts";
import type { CastRefusal } from "./refusals.ts";
import type { Effect } from "./rules/effect.ts";
import { createSequence, type Sequence } from "./sequence.ts";
import { toWish } from "./view.ts";

/** What a client's cast came to. */
export type CastAnswer =
  | { refused: CastRefusal; waitMs: number }
  | { refused?: never; castMs: number; cooldownMs: number; effects: readonly Effect[]; firstId: number };

/** How clients' casts come to the rules: each number once, and not more than a player may cast. */
export interface Casters {
  cast(arena: Arena, userId: string, cast: Cast): CastAnswer;
  /** The highest number that was answered. */
  lastSequence(userId: string): number;
}

interface Caster {
  sequence: Sequence<CastAnswer>;
  allowance: Allowance;
  usedAt: number;
}

/** Milliseconds that a cast may be on its way. */
const staleMs = 10_000;
/** Milliseconds after which a caster is forgotten; the ledger keeps the highest number. */
const idleMs = 600_000;
const sweepAt = 10_000;

/** @param clock milliseconds of the epoch */
export function createCasters(options: { ledger: Ledger; rate: Rate; clock: () => number }): Casters {
  const { ledger, rate, clock } = options;
  const casters = new Map<string, Caster>();

  function casterOf(userId: string): Caster {
    let caster = casters.get(userId);
    if (!caster) {
      if (casters.size >= sweepAt) sweep();
      const sequence = createSequence<CastAnswer>(ledger.find(userId)?.lastSequence ?? 0);
      caster = { sequence, allowance: createAllowance(rate), usedAt: 0 };
      casters.set(userId, caster);
    }
    caster.usedAt = clock();
    return caster;
  }

  function sweep(): void {
    for (const [id, { usedAt }] of casters) if (clock() - usedAt > idleMs) casters.delete(id);
  }

  function castOnce(arena: Arena, userId: string, cast: Cast): CastAnswer {
    if (!arena.here) return refused("zone_away");
    if (!arena.zone.combatants.has(userId)) return refused("not_in_zone");
    const { sequence, allowance } = casterOf(userId);
    const number = Number(cast.sequence);
    const judged = sequence.judge(number);
    if (typeof judged === "object") return judged.answered;
    if (judged !== "fresh") return refused(judged === "old" ? "sequence_old" : "sequence_ahead");
    if (!allowance.take(performance.now())) return refused("cast_flood");
    const answer = isStale(cast) ? refused("cast_stale") : carryOut(arena, userId, cast);
    sequence.note(number, answer);
    ledger.noteSequence(userId, sequence.highest);
    return answer;
  }

  const isStale = ({ castTime }: Cast) =>
    castTime !== undefined && Math.abs(timestampDate(castTime).getTime() - clock()) > staleMs;

  return {
    cast(arena, userId, cast) {
      const answer = castOnce(arena, userId, cast);
      metrics.casts.add(1, { outcome: answer.refused ?? "cast" });
      return answer;
    },
    lastSequence: (userId) => casters.get(userId)?.sequence.highest ?? ledger.find(userId)?.lastSequence ?? 0,
  };
}

function carryOut(arena: Arena, userId: string, cast: Cast): CastAnswer {
  // What is due happens first: the effects after it are those of the cast.
  arena.wait();
  const { cast: outcome, effects, firstId } = arena.carryOut({ type: "cast", id: userId, ...toWish(cast) });
  if (outcome?.refused !== undefined) return refused(outcome.refused, outcome.waitMs);
  return { castMs: outcome!.castMs, cooldownMs: outcome!.cooldownMs, effects, firstId };
}

const refused = (reason: CastRefusal, waitMs = 0): CastAnswer => ({ refused: reason, waitMs });
