import type { School } from "./catalog.ts";

/** Why a cast came to nothing after it had begun. */
export type Interruption =
  | "interrupted"
  | "stunned"
  | "moved"
  | "caster_died"
  | "target_gone"
  | "target_dead"
  | "out_of_range"
  | "no_line_of_sight";

/** What a combatant died with, or was helped by: a skill's id, an aura's id, or `rest`. */
type Means = string;

/** A fact of a fight. `at` is when it happened, in milliseconds; ids are those of combatants. */
export type Effect = { at: number; source: string; target: string } & (
  | { kind: "cast_begun"; skill: string; castMs: number }
  | { kind: "cast"; skill: string }
  | { kind: "interrupted"; skill: string; reason: Interruption }
  | { kind: "damage"; by: Means; school: School; amount: number; absorbed: number; critical: boolean; hp: number }
  | { kind: "healing"; by: Means; amount: number; critical: boolean; hp: number }
  | { kind: "aura"; aura: string; stacks: number; durationMs: number }
  | { kind: "aura_ended"; aura: string }
  | { kind: "death"; by: Means }
  /** The dead may live again. */
  | { kind: "revival" }
  | { kind: "respawn"; hp: number }
  | { kind: "drop"; itemId: string; quantity: number }
);

/** A cast that was not begun, and what a program can make of it. */
export type Refusal =
  | "not_in_zone"
  | "skill_unknown"
  | "caster_dead"
  | "caster_stunned"
  | "already_casting"
  | "on_cooldown"
  | "target_missing"
  | "position_missing"
  | "target_unknown"
  | "target_dead"
  | "target_invalid"
  | "out_of_range"
  | "no_line_of_sight";

/** What came of wanting to cast. */
export type CastOutcome =
  | { refused: Refusal /** Until it could be tried again; 0: not a matter of time. */; waitMs: number }
  | { refused?: never; castMs: number; cooldownMs: number };
