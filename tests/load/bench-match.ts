/**
 * `npm run bench:match`: how fast tickets are matched, and how well, with 10,000 waiting. Each way of pairing gets the same crowd, in the same process; then the
 * whole round is measured on a real Redis: reading the queue, pairing, claiming by script.
 */
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { compose } from "../../services/match/composition.ts";
import { createMatcher } from "../../services/match/matcher.ts";
import { pairUp, reachAfter, type Waiting } from "../../services/match/pairing.ts";
import { createRedisQueueStore } from "../../services/match/queue-store.ts";
import { createTestStack } from "../support/stack.ts";

const crowd = Number(process.env.BENCH_TICKETS ?? 10_000);
const rounds = 5;

/** Seeded, so that every way sees the same people: mulberry32. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ratings as they are after a while: normal around 1500. Waits up to 30 s, longest first. */
function createCrowd(count: number): Waiting[] {
  const random = createRandom(6);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: count }, (_, i) => ({
    ticketId: `t${i}`,
    rating: 1_500 + 300 * normal(),
    waitedS: 30 * (1 - i / count),
  }));
}

type Pairing = (waiting: readonly Waiting[]) => [Waiting, Waiting][];

/** Whoever comes plays with whoever is there. */
const inOrder: Pairing = (waiting) =>
  Array.from({ length: Math.floor(waiting.length / 2) }, (_, i) => [waiting[2 * i]!, waiting[2 * i + 1]!]);

/** Sorts by rating and pairs neighbours that reach each other, from the bottom up. */
const sortedScan: Pairing = (waiting) => {
  const sorted = [...waiting].sort((a, b) => a.rating - b.rating);
  const pairs: [Waiting, Waiting][] = [];
  for (let i = 0; i + 1 < sorted.length; ) {
    const [a, b] = [sorted[i]!, sorted[i + 1]!];
    const meet = Math.abs(a.rating - b.rating) <= reachAfter(a.waitedS) + reachAfter(b.waitedS);
    if (meet) pairs.push([a, b]);
    i += meet ? 2 : 1;
  }
  return pairs;
};

/** Each in turn asks everybody for the nearest: the same result as ours, without the line. */
const everybody: Pairing = (waiting) => {
  const left = new Set(waiting);
  const pairs: [Waiting, Waiting][] = [];
  for (const a of waiting) {
    if (!left.delete(a)) continue;
    let best: Waiting | undefined;
    for (const b of left) {
      const distance = Math.abs(a.rating - b.rating);
      if (distance > reachAfter(a.waitedS) + reachAfter(b.waitedS)) continue;
      if (!best || distance < Math.abs(a.rating - best.rating)) best = b;
    }
    if (!best) {
      left.add(a);
      continue;
    }
    left.delete(best);
    pairs.push([a, best]);
  }
  return pairs;
};

const quantile = (values: number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

function row(cells: (string | number)[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** One second after another a few come and a round is held. What people feel: how far apart they are, and how long they waited. */
function playOut(pairing: Pairing, seconds: number) {
  const random = createRandom(7);
  const people = createCrowd(8 * seconds);
  let waiting: Waiting[] = [];
  const distances: number[] = [];
  const waits: number[] = [];
  for (let second = 0; second < seconds; second++) {
    waiting = waiting.map((one) => ({ ...one, waitedS: one.waitedS + 1 }));
    const count = 1 + Math.floor(random() * 8);
    waiting.push(...people.slice(8 * second, 8 * second + count).map((one) => ({ ...one, waitedS: 0 })));
    const pairs = pairing(waiting);
    const gone = new Set(pairs.flat());
    for (const [a, b] of pairs) {
      distances.push(Math.abs(a.rating - b.rating));
      waits.push(a.waitedS, b.waitedS);
    }
    waiting = waiting.filter((one) => !gone.has(one));
  }
  return { distances, waits, left: waiting.length };
}

function benchPairing(): void {
  const people = createCrowd(crowd);
  console.log(`\nPairing ${crowd} who wait, alone in one process; then a quiet time in which 1 to 8 come a second\n`);
  row(["", "tickets/s", "matched", "difference p50", "p99", "quiet: difference p50", "p99", "wait p50 s", "p99 s"]);
  row(["---", ...Array(8).fill("---:")]);
  const ways: [string, Pairing][] = [
    ["in order of coming", inOrder],
    ["sorted scan", sortedScan],
    ["everybody asked", everybody],
    ["pairing.ts", pairUp],
  ];
  for (const [name, pairing] of ways) {
    const repeat = pairing === everybody ? 1 : 20;
    if (repeat > 1) pairing(people);
    const start = performance.now();
    let pairs: [Waiting, Waiting][] = [];
    for (let i = 0; i < repeat; i++) pairs = pairing(people);
    const seconds = (performance.now() - start) / 1_000 / repeat;
    const distances = pairs.map(([a, b]) => Math.abs(a.rating - b.rating));
    const quiet = playOut(pairing, 1_200);
    row([
      name,
      Math.round((2 * pairs.length) / seconds),
      `${((200 * pairs.length) / crowd).toFixed(1)} %`,
      quantile(distances, 0.5).toFixed(2),
      quantile(distances, 0.99).toFixed(1),
      quantile(quiet.distances, 0.5).toFixed(0),
      quantile(quiet.distances, 0.99).toFixed(0),
      quantile(quiet.waits, 0.5),
      quantile(quiet.waits, 0.99),
    ]);
  }
}

function benchComposition(): void {
  const random = createRandom(8);
  const kinds = [
    ["tank"],
    ["healer"],
    ["damage"],
    ["damage"],
    ["damage"],
    ["tank", "damage"],
    ["healer", "damage"],
  ] as const;
  const groups = Array.from({ length: crowd }, (_, i) => ({
    ticketId: `t${i}`,
    // One in five comes with a friend.
    players: Array.from({ length: random() < 0.2 ? 2 : 1 }, (_, n) => ({
      userId: `u${i}.${n}`,
      roles: kinds[Math.floor(random() * kinds.length)]!,
    })),
  }));
  compose(groups);
  const start = performance.now();
  const parties = compose(groups);
  const seconds = (performance.now() - start) / 1_000;
  const used = parties.reduce((sum, party) => sum + party.groups.length, 0);
  console.log(
    `\nComposing dungeon parties of ${crowd} tickets, one in five for two: ${Math.round(used / seconds)} tickets/s,`,
  );
  console.log(`${parties.length} parties of ${used} tickets in ${(seconds * 1_000).toFixed(0)} ms`);
}

async function benchRound(): Promise<void> {
  const stack = await createTestStack({ only: ["redis"] });
  const redis = new Redis(stack.redisUrl("match"));
  try {
    const queues = createRedisQueueStore(redis, { gatherMs: 60_000, readyMs: 600_000, waitMs: 3_600_000 });
    const joins: number[] = [];
    const looks: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const matcher = createMatcher(queues);
      const people = createCrowd(crowd).map((one) => ({
        userId: randomUUID(),
        username: "p",
        roles: [],
        rating: one.rating,
      }));
      let start = performance.now();
      for (let i = 0; i < people.length; i += 200)
        await Promise.all(people.slice(i, i + 200).map((member) => queues.join("pvp", member, [])));
      joins.push(crowd / ((performance.now() - start) / 1_000));
      start = performance.now();
      const { pvp } = await matcher.round();
      rates.push((2 * pvp.claimed) / ((performance.now() - start) / 1_000));
      start = performance.now();
      await matcher.round();
      looks.push(performance.now() - start);
      await redis.del("match:queue:pvp");
    }
    console.log(`\nOn a real Redis, ${crowd} waiting, median of ${rounds}\n`);
    row(["join, tickets/s", "a whole round (read, pair, claim), tickets matched/s", "a round that finds nothing, ms"]);
    row(["---:", "---:", "---:"]);
    row([Math.round(quantile(joins, 0.5)), Math.round(quantile(rates, 0.5)), quantile(looks, 0.5).toFixed(1)]);
  } finally {
    redis.disconnect();
    await stack.stop();
  }
}

benchPairing();
benchComposition();
await benchRound();
