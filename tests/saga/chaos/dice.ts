import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Randomness that replays. */
export interface Dice {
  /** A whole number from `low` to `high`, both possible. */
  int(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** One of the names, each as often as its weight says. */
  weighted<K extends string>(weights: Record<K, number>): K;
  shuffled<T>(list: readonly T[]): T[];
}

/** The same `seed` and `stream` always roll the same. Each player has a stream of their own, so that one's rolls don't depend on another's. */
export function createDice(seed: number, stream = 0): Dice {
  const generator = xoroshiro128plus(scatter(seed ^ scatter(stream + 1)));
  const int = (low: number, high: number) => uniformInt(generator, low, high);
  return {
    int,
    chance: (probability) => int(0, 999_999) < probability * 1_000_000,
    pick: (list) => list[int(0, list.length - 1)]!,
    weighted(weights) {
      const entries = Object.entries(weights) as [keyof typeof weights, number][];
      let roll = int(0, 999_999) / 1_000_000;
      roll *= entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [name, weight] of entries) {
        if (roll < weight) return name;
        roll -= weight;
      }
      return entries[0]![0];
    },
    shuffled(list) {
      const result = [...list];
      for (let i = result.length - 1; i > 0; i--) {
        const j = int(0, i);
        [result[i], result[j]] = [result[j]!, result[i]!];
      }
      return result;
    },
  };
}

/** Seeds that are neighbours become numbers that are not (the last step of MurmurHash3): the first rolls follow the seed closely. */
function scatter(n: number): number {
  let h = n | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
