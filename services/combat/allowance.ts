/** So many a second, and so many at once after a while without. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** What is left of a {@link Rate}. */
export interface Allowance {
  /** Takes one, if there is one. `now` in milliseconds, of any clock that doesn't go back. */
  take(now: number): boolean;
}

export function createAllowance({ perSecond, burst }: Rate): Allowance {
  let left = burst;
  let at = Number.NEGATIVE_INFINITY;
  return {
    take(now) {
      left = Math.min(burst, left + Math.max(0, now - at) * (perSecond / 1_000));
      at = now;
      if (left < 1) return false;
      left--;
      return true;
    },
  };
}
