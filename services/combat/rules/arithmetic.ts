import { uniformInt } from "pure-rand/distribution/uniformInt";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";

/** `share` per mille of `value`, rounded down. Exact for what the rules work with: whole numbers whose product is below 2^53. */
export const perMille = (value: number, share: number): number => Math.floor((value * share) / 1_000);

/** A whole number from `min` to `max`, each as likely. */
export const between = (random: RandomGenerator, min: number, max: number): number => uniformInt(random, min, max);

/** Whether something that happens `chance` times of a thousand happens. */
export const happens = (random: RandomGenerator, chance: number): boolean => uniformInt(random, 0, 999) < chance;

export const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max);
