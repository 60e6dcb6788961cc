/** One who waits for an opponent. */
export interface Waiting {
  ticketId: string;
  rating: number;
  /** How long they have waited, in seconds. */
  waitedS: number;
}

/** How far from their own rating a player looks at first, and how much farther with each second, in points. */
const firstReach = 50;
const reachPerSecond = 5;

/** How far from their own rating somebody looks who has waited that long: without end, so that everybody finds somebody. */
export const reachAfter = (waitedS: number): number => firstReach + reachPerSecond * Math.max(0, waitedS);

/**
 * Pairs those who reach half way to each other. `waiting` is in order of precedence: each in turn gets the nearest by rating who
 * is left, so that the first are served best.
 *
 * @returns pairs of the given objects; nobody is in two.
 */
export function pairUp<T extends Waiting>(waiting: readonly T[]): [T, T][] {
  const byRating = [...waiting].sort((a, b) => a.rating - b.rating);
  const line = createLine(byRating);
  const place = new Map(byRating.map((one, i) => [one, i]));
  let farthest = 0;
  for (const { waitedS } of waiting) farthest = Math.max(farthest, reachAfter(waitedS));

  const pairs: [T, T][] = [];
  for (const one of waiting) {
    const at = place.get(one)!;
    if (!line.has(at)) continue;
    const partner = nearest(one, at);
    if (partner === undefined) continue;
    line.remove(at);
    line.remove(partner);
    pairs.push([one, byRating[partner]!]);
  }
  return pairs;

  /** Walks up and down from `at` at once, nearer places first. */
  function nearest(one: T, at: number): number | undefined {
    const reach = reachAfter(one.waitedS);
    const distance = (place: number | undefined) =>
      place === undefined ? Number.POSITIVE_INFINITY : Math.abs(byRating[place]!.rating - one.rating);
    let below = line.before(at);
    let above = line.after(at);
    for (;;) {
      const nearer = distance(below) <= distance(above) ? below : above;
      if (nearer === undefined || distance(nearer) > reach + farthest) return undefined;
      if (distance(nearer) <= reach + reachAfter(byRating[nearer]!.waitedS)) return nearer;
      if (nearer === below) below = line.before(nearer);
      else above = line.after(nearer);
    }
  }
}

/** Places in a row that can be taken out; each knows the next one that is left. */
function createLine(places: readonly unknown[]) {
  const next = Int32Array.from(places, (_, i) => i + 1);
  const previous = Int32Array.from(places, (_, i) => i - 1);
  const gone = new Uint8Array(places.length);
  const within = (place: number) => (place >= 0 && place < places.length ? place : undefined);
  return {
    has: (place: number) => gone[place] === 0,
    before: (place: number) => within(previous[place]!),
    after: (place: number) => within(next[place]!),
    remove(place: number) {
      gone[place] = 1;
      const [left, right] = [previous[place]!, next[place]!];
      if (left >= 0) next[left] = right;
      if (right < places.length) previous[right] = left;
    },
  };
}
