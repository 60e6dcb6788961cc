/** Who asked to be where, and when: so that whoever sees them there knows how old that is. All players of a run share it. */
export interface Sight {
  asked(userId: string, x: number, y: number): void;
  /** How long ago that player asked to be there, in milliseconds; undefined when they did not, or long ago. */
  ageOf(userId: string, x: number, y: number): number | undefined;
}

/** Steps remembered of a player: 10 s of walking. */
const steps = 200;

export function createSight(): Sight {
  const places = new Map<string, Map<number, number>>();
  const keyOf = (x: number, y: number) => x * 2 ** 24 + y;
  return {
    asked(userId, x, y) {
      const own = places.get(userId) ?? new Map<number, number>();
      places.set(userId, own);
      const key = keyOf(x, y);
      // Last in the order of insertion.
      own.delete(key);
      own.set(key, performance.now());
      if (own.size > steps) own.delete(own.keys().next().value!);
    },
    ageOf(userId, x, y) {
      const time = places.get(userId)?.get(keyOf(x, y));
      return time === undefined ? undefined : performance.now() - time;
    },
  };
}
