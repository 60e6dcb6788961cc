/** Something that happens by itself. */
export interface Due {
  at: number;
  /** Of those at the same time, the lowest first, then the one that was put down first. */
  rank: number;
  order: number;
  kind: "aura_tick" | "aura_end" | "cast_end" | "think" | "revival" | "rest";
  combatant: string;
  /** Of what it belongs to; by another one in its place it is recognised as void. */
  serial: number;
}

const ranks: Record<Due["kind"], number> = { aura_tick: 0, aura_end: 1, cast_end: 2, revival: 3, rest: 4, think: 5 };

/** What is still to come, the next first: a binary heap. Plain data, so that it is copied by copying the array. */
export interface Timeline {
  heap: Due[];
  order: number;
}

export const createTimeline = (): Timeline => ({ heap: [], order: 0 });

export function schedule(timeline: Timeline, at: number, kind: Due["kind"], combatant: string, serial: number): void {
  const { heap } = timeline;
  const due: Due = { at, rank: ranks[kind], order: timeline.order++, kind, combatant, serial };
  let hole = heap.length;
  while (hole > 0) {
    const parent = (hole - 1) >> 1;
    if (!isBefore(due, heap[parent]!)) break;
    heap[hole] = heap[parent]!;
    hole = parent;
  }
  heap[hole] = due;
}

/** Takes the next one that is due by `now`. */
export function takeDue({ heap }: Timeline, now: number): Due | undefined {
  const first = heap[0];
  if (!first || first.at > now) return undefined;
  const last = heap.pop()!;
  if (heap.length > 0) sink(heap, last);
  return first;
}

function sink(heap: Due[], due: Due): void {
  let hole = 0;
  for (;;) {
    let child = 2 * hole + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, due)) break;
    heap[hole] = heap[child]!;
    hole = child;
  }
  heap[hole] = due;
}

function isBefore(a: Due, b: Due): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.rank !== b.rank) return a.rank < b.rank;
  return a.order < b.order;
}
