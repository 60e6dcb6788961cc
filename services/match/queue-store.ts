import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { defineQueueScripts } from "./queue-scripts.ts";
import { readStanding } from "./standing.ts";
import type { FoundMatch, Member, Mode, Standing, Ticket } from "./ticket.ts";

/** How long things may take, in milliseconds. */
export interface QueueTimes {
  /** For a party to confirm. */
  gatherMs: number;
  /** For players to get ready. */
  readyMs: number;
  /** The longest that anybody waits in a queue. */
  waitMs: number;
}

/** The queues, tickets and ready checks, in Redis: the same for all replicas. All of it may reject while Redis is away. */
export interface QueueStore {
  /** @param others user ids of the rest of the party. */
  join(mode: Mode, member: Member, others: string[]): Promise<"ok" | "already_queued">;
  confirm(ticketId: string, member: Member): Promise<"ok" | "ticket_unknown" | "already_queued">;
  leave(userId: string): Promise<"ok" | "match_starting">;
  /** @returns `starting` when with this answer all are ready. */
  respond(
    matchId: string,
    userId: string,
    ready: boolean,
  ): Promise<"ok" | "starting" | "match_unknown" | "ready_check_over">;
  standingOf(userId: string): Promise<Standing>;
  /** The ids of the tickets that wait, in order of precedence. */
  waiting(mode: Mode): Promise<string[]>;
  /** Those of the tickets that are still there. */
  tickets(ticketIds: readonly string[]): Promise<Ticket[]>;
  /** Begins the ready check of each match whose tickets all still wait. @returns how many that were. */
  claim(matches: readonly FoundMatch[]): Promise<number>;
  /** A match whose ready check began, unless it was called off. */
  find(matchId: string): Promise<FoundMatch | undefined>;
  /** The matches that all are ready for, some of them when there are many. */
  starting(): Promise<FoundMatch[]>;
  /** Tells the players of a match that was written down. */
  start(matchId: string): Promise<void>;
  /** Ends some of the ready checks and tickets that are past their deadline. */
  expire(): Promise<{ checks: number; tickets: number }>;
  /** Whether this replica leads for the next `ms`. */
  lead(instance: string, ms: number): Promise<boolean>;
  /** Milliseconds of Redis's clock. */
  now(): Promise<number>;
}

/** Commands sent at once. */
const batchSize = 200;

export function createRedisQueueStore(redis: Redis, times: QueueTimes): QueueStore {
  const scripts = defineQueueScripts(redis);
  const { gatherMs, readyMs, waitMs } = times;

  async function found(matchId: string): Promise<FoundMatch | undefined> {
    const [mode, players] = await redis.hmget(`match:found:${matchId}`, "mode", "players");
    return mode && players ? { matchId, mode: mode as Mode, players: JSON.parse(players) } : undefined;
  }

  return {
    async join(mode, member, others) {
      const users = JSON.stringify([member.userId, ...others]);
      const joined = scripts.joinQueue(randomUUID(), mode, member.userId, encode(member), users, gatherMs, waitMs);
      return (await joined) as "ok";
    },
    async confirm(ticketId, member) {
      return (await scripts.confirmQueue(ticketId, member.userId, encode(member), waitMs)) as "ok";
    },
    async leave(userId) {
      return (await scripts.leaveQueue(userId, waitMs)) as "ok";
    },
    async respond(matchId, userId, ready) {
      return (await scripts.respondReadyCheck(matchId, userId, ready ? 1 : 0, waitMs)) as "ok";
    },
    async standingOf(userId) {
      return readStanding(userId, (await scripts.readStanding(userId)) as Parameters<typeof readStanding>[1]);
    },
    waiting: (mode) => redis.zrange(`match:queue:${mode}`, 0, "-1"),
    async tickets(ticketIds) {
      const hashes = await inBatches(ticketIds, (id) => redis.hgetall(`match:ticket:${id}`));
      return hashes.flatMap((hash, i) => {
        if (!hash.users || !hash.queue_time) return [];
        const members = (JSON.parse(hash.users) as string[]).map(
          (user) => JSON.parse(hash[`member:${user}`]!) as Member,
        );
        return [{ ticketId: ticketIds[i]!, mode: hash.mode as Mode, members, queueTime: Number(hash.queue_time) }];
      });
    },
    async claim(matches) {
      const claimed = await inBatches(matches, ({ matchId, mode, players }) => {
        const tickets = [...new Set(players.map(({ ticketId }) => ticketId))];
        return scripts.claimMatch(matchId, mode, JSON.stringify(tickets), JSON.stringify(players), readyMs);
      });
      return claimed.filter((one) => one === 1).length;
    },
    find: found,
    async starting() {
      const ids = await redis.srandmember("match:starting", 50);
      const matches = await Promise.all(ids.map(async (id) => [id, await found(id)] as const));
      // What was lost with its Redis can't start.
      for (const [id, match] of matches) if (!match) await redis.srem("match:starting", id);
      return matches.flatMap(([, match]) => match ?? []);
    },
    async start(matchId) {
      await scripts.startMatch(matchId);
    },
    async expire() {
      const [checks, tickets] = (await scripts.expireDue(waitMs)) as [number, number];
      return { checks, tickets };
    },
    async lead(instance, ms) {
      return (await scripts.takeLead(instance, ms)) === 1;
    },
    async now() {
      const [seconds, microseconds] = (await redis.time()) as unknown as [number, number];
      return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
    },
  };
}

const encode = (member: Member): string => JSON.stringify(member);

/** So many at once that round trips don't count, and so few that none waits long for its answer. */
async function inBatches<T, R>(all: readonly T[], send: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < all.length; i += batchSize)
    results.push(...(await Promise.all(all.slice(i, i + batchSize).map(send))));
  return results;
}
