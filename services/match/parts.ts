import type { Redis } from "ioredis";
import { followEndedSessions } from "#kit/ended-sessions.ts";
import type { Log } from "#kit/log.ts";
import type { Database } from "#kit/postgres.ts";
import { connectSubscriber } from "#kit/redis.ts";
import { createRedisLeaderboard, type Leaderboard } from "./leaderboard.ts";
import { createMatcher } from "./matcher.ts";
import { createNews, type News } from "./news.ts";
import { createRedisQueueStore, type QueueStore, type QueueTimes } from "./queue-store.ts";
import { type Rounds, startRounds } from "./rounds.ts";
import { createPostgresMatchStore, type MatchStore } from "./store.ts";

/** What a replica of the match service is made of. */
export interface MatchParts {
  queues: QueueStore;
  store: MatchStore;
  leaderboard: Leaderboard;
  news: News;
  sessions: ReturnType<typeof followEndedSessions>;
  rounds: Rounds;
  clock: () => Date;
  limits: Limits;
}

export interface Limits extends QueueTimes {
  /** Milliseconds between two rounds of matching. */
  roundMs: number;
  /** Milliseconds between two looks of a stream for news that Redis lost. */
  checkMs: number;
  /** Silence on a stream before a heartbeat. */
  heartbeatSeconds: number;
}

/** @param instance the replica's own name. */
export function createMatchParts(options: {
  database: Pick<Database, "pool" | "transaction" | "migrated">;
  redis: Redis;
  instance: string;
  clock: () => Date;
  limits: Limits;
  log: Log;
}): MatchParts & { close(): Promise<void> } {
  const { database, redis, instance, clock, limits, log } = options;
  const subscriber = connectSubscriber(redis);
  const sessions = followEndedSessions(database, log);
  const queues = createRedisQueueStore(redis, limits);
  const store = createPostgresMatchStore(database);
  const leaderboard = createRedisLeaderboard(redis, store);
  const matcher = createMatcher(queues);
  const rounds = startRounds({ queues, matcher, store, leaderboard, instance, roundMs: limits.roundMs, log });
  return {
    queues,
    store,
    leaderboard,
    news: createNews(subscriber, log),
    sessions,
    rounds,
    clock,
    limits,
    async close() {
      await Promise.all([rounds.stop(), sessions.stop()]);
      subscriber.disconnect();
      redis.disconnect();
    },
  };
}
