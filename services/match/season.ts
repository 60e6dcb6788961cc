import { newRating, type Rating } from "./rating.ts";

/** A quarter of a year, in UTC. */
export interface Season {
  /** `2026-q4` */
  id: string;
  start: Date;
}

export function seasonOf(time: Date): Season {
  const year = time.getUTCFullYear();
  const quarter = Math.floor(time.getUTCMonth() / 3);
  return { id: `${year}-q${quarter + 1}`, start: new Date(Date.UTC(year, 3 * quarter, 1)) };
}

/** @param id as {@link seasonOf} gives it. */
export function seasonOfId(id: string): Season {
  const [year, quarter] = id.split("-q").map(Number) as [number, number];
  return seasonOf(new Date(Date.UTC(year, 3 * (quarter - 1), 1)));
}

/** How unsure a rating is at the least when a season begins. */
const freshDeviation = 200;

/** The rating with which a player begins a season: half way from that of their last season to everybody's first one. */
export function carryOver(last: Rating): Rating {
  return {
    rating: newRating.rating + (last.rating - newRating.rating) / 2,
    deviation: Math.max(last.deviation, freshDeviation),
    volatility: last.volatility,
  };
}
