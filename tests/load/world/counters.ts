/** What a server of the measurement has counted, between two readings of its metrics. */
export interface Counted {
  /** Steps that were accepted. */
  steps: number;
  ticks: number;
  /** Milliseconds that 99 of 100 ticks did not exceed, between the bounds of the histogram's bucket. */
  tickP99: number;
}

interface Reading {
  steps: number;
  /** Upper bound in seconds, and how many ticks were not longer. */
  buckets: { bound: number; count: number }[];
}

function read(metrics: string): Reading {
  const bounds = /^game_world_tick_duration(?:_seconds)?_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)/gm;
  return {
    steps: Number(/^game_world_steps_total(?:\{[^}]*\})? (\d+)/m.exec(metrics)?.[1] ?? 0),
    buckets: [...metrics.matchAll(bounds)].map(([, bound, count]) => ({
      bound: bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound),
      count: Number(count),
    })),
  };
}

export function countBetween(before: string, after: string): Counted {
  const [start, end] = [read(before), read(after)];
  const buckets = end.buckets.map(({ bound, count }, i) => ({ bound, count: count - (start.buckets[i]?.count ?? 0) }));
  const ticks = buckets.at(-1)?.count ?? 0;
  const wanted = 0.99 * ticks;
  const i = buckets.findIndex(({ count }) => count >= wanted);
  const [low, high] = [buckets[i - 1] ?? { bound: 0, count: 0 }, buckets[i] ?? { bound: Number.NaN, count: ticks }];
  const share = (wanted - low.count) / (high.count - low.count);
  const tickP99 = 1_000 * (Number.isFinite(high.bound) ? low.bound + share * (high.bound - low.bound) : high.bound);
  return { steps: end.steps - start.steps, ticks, tickP99 };
}
