import { Code, type ConnectError } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";
import type { Refusal } from "./rules/effect.ts";

/** Why a cast is refused, the reasons of the rules and those of the way to them. */
export type CastRefusal = Refusal | "sequence_old" | "sequence_ahead" | "cast_stale" | "cast_flood" | "zone_away";

/** Why this service says no. */
export const refuse = defineRefusals("combat", {
  not_in_zone: Code.FailedPrecondition,
  skill_unknown: Code.NotFound,
  caster_dead: Code.FailedPrecondition,
  caster_stunned: Code.FailedPrecondition,
  already_casting: Code.FailedPrecondition,
  on_cooldown: Code.FailedPrecondition,
  target_missing: Code.InvalidArgument,
  position_missing: Code.InvalidArgument,
  target_unknown: Code.NotFound,
  target_dead: Code.FailedPrecondition,
  target_invalid: Code.FailedPrecondition,
  out_of_range: Code.FailedPrecondition,
  no_line_of_sight: Code.FailedPrecondition,
  sequence_old: Code.OutOfRange,
  sequence_ahead: Code.OutOfRange,
  cast_stale: Code.FailedPrecondition,
  cast_flood: Code.ResourceExhausted,
  buff_unknown: Code.NotFound,
  zone_unknown: Code.NotFound,
  // Not UNAVAILABLE: to the mesh that is a fault of this instance, and five take it out.
  zone_away: Code.Aborted,
  reader_too_slow: Code.ResourceExhausted,
  token_expired: Code.Unauthenticated,
});

const messages: Record<CastRefusal, string> = {
  not_in_zone: "you are not in this zone",
  skill_unknown: "there is no such skill",
  caster_dead: "the dead cast nothing",
  caster_stunned: "you are stunned",
  already_casting: "you are at another cast",
  on_cooldown: "the skill cools down",
  target_missing: "the skill needs a target",
  position_missing: "the skill needs a position",
  target_unknown: "the target is not in this zone",
  target_dead: "the target is dead",
  target_invalid: "the skill is not for such a target",
  out_of_range: "the target is out of range",
  no_line_of_sight: "something stands between you and the target",
  sequence_old: "the sequence number is too old: GetCombatant tells the last one",
  sequence_ahead: "the sequence number is far ahead: GetCombatant tells the last one",
  cast_stale: "the cast is from another time",
  cast_flood: "too many casts",
  zone_away: "the world does not say who is where, try again",
};

/** A cast's refusal as a unary call tells it. */
export function refuseCast(reason: CastRefusal, waitMs: number): ConnectError {
  const message = waitMs > 0 ? `${messages[reason]}, for ${waitMs} ms more` : messages[reason];
  return refuse(reason, message, waitMs > 0 ? { retryAfterS: waitMs / 1_000 } : {});
}
