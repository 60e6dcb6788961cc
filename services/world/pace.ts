/** A bucket of permits that fills with time. */
export interface Pace {
  permits: number;
  at: number;
}

/** What a client may send: a step each tick at 20 Hz, twice that for a while, and no more. */
export const stepPace = { perSecond: 40, burst: 80 };

/** Takes a permit if there is one. */
export function takePermit(pace: Pace, now: number, { perSecond, burst } = stepPace): boolean {
  pace.permits = Math.min(burst, pace.permits + (perSecond * Math.max(0, now - pace.at)) / 1_000);
  pace.at = now;
  if (pace.permits < 1) return false;
  pace.permits--;
  return true;
}
