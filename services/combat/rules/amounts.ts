import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import { between, clamp, happens, perMille } from "./arithmetic.ts";
import type { Amount, School, Skill, Stats } from "./catalog.ts";

/** A critical hit does one and a half times as much. */
const criticalShare = 1_500;
/** Resistances below and above these count as these, per mille. */
const [leastResistance, mostResistance] = [-500, 750];

/** What a hit may do, before any shield. */
export interface Preview {
  min: number;
  max: number;
  criticalMin: number;
  criticalMax: number;
  /** Per mille of hits. */
  criticalChance: number;
}

/** What reaches the target of so much damage: armour of A lets through 1000 / (1000 + A), a resistance of R 1 - R / 1000. */
export function mitigate(amount: number, school: School, target: Stats): number {
  const share =
    school === "physical"
      ? Math.floor(1_000_000 / (1_000 + Math.max(target.armour, 0)))
      : 1_000 - clamp(target.resistances[school], leastResistance, mostResistance);
  const taken = perMille(perMille(amount, share), Math.max(1_000 + target.damageTaken, 0));
  // A blow that is felt at all is felt, except by who takes no damage.
  return target.damageTaken <= -1_000 ? 0 : Math.max(taken, 1);
}

/** What leaves the caster: the rolled base, its share of the caster's power, and what the caster's auras add. */
const dealt = (base: number, { power }: Amount, caster: Stats): number =>
  perMille(base + perMille(Math.max(caster.power, 0), power), Math.max(1_000 + caster.damageDealt, 0));

const critical = (amount: number): number => perMille(amount, criticalShare);

/** What the skill's damage would be, without rolling. */
export function previewDamage(skill: Skill, caster: Stats, target: Stats): Preview {
  const { damage, school } = skill;
  if (!damage) return { min: 0, max: 0, criticalMin: 0, criticalMax: 0, criticalChance: 0 };
  const [low, high] = [dealt(damage.min, damage, caster), dealt(damage.max, damage, caster)];
  return {
    min: mitigate(low, school, target),
    max: mitigate(high, school, target),
    criticalMin: mitigate(critical(low), school, target),
    criticalMax: mitigate(critical(high), school, target),
    criticalChance: clamp(caster.critical, 0, 1_000),
  };
}

/** One hit: how much leaves the caster, and whether it is critical. Two numbers are drawn, always. */
export function roll(random: RandomGenerator, amount: Amount, caster: Stats): { amount: number; critical: boolean } {
  const base = dealt(between(random, amount.min, amount.max), amount, caster);
  const isCritical = happens(random, caster.critical);
  return { amount: isCritical ? critical(base) : base, critical: isCritical };
}
