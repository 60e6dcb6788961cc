import { checkEffects } from "./effects.ts";
import type { Facts } from "./facts.ts";
import { checkStanding } from "./standing.ts";
import { checkTold } from "./told.ts";
import { checkTotals } from "./totals.ts";

/** Something that must not be. */
export interface Fault {
  rule: Rule;
  /** Which saga, player or item, and how much. */
  message: string;
}

export const rules = {
  gold_conserved: "no gold was made or lost",
  items_conserved: "no item was made or lost",
  balance: "each balance and bag is the sum of its lines, and never negative",
  whole: "each saga is wholly there or wholly not",
  once: "no effect came twice",
  log: "the purchase log is the purchases that completed",
  revenue: "the revenue is that of the purchases that completed",
  reservation: "nothing is promised to a trade that has ended",
  stuck: "no saga runs any more",
  repair: "no saga needs a person",
  monitor: "the saga monitor knows how each saga ended",
  told: "what clients were told is true",
} as const;

export type Rule = keyof typeof rules;

/** Everything that is wrong with a run that has come to rest; empty when the books balance. */
export function check(facts: Facts): Fault[] {
  return [...checkTotals(facts), ...checkEffects(facts), ...checkStanding(facts), ...checkTold(facts)];
}
