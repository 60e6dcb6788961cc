import type { Client } from "@connectrpc/connect";
import type { Redis } from "ioredis";
import type { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { followEndedSessions } from "#kit/ended-sessions.ts";
import type { Log } from "#kit/log.ts";
import type { Database } from "#kit/postgres.ts";
import { connectSubscriber } from "#kit/redis.ts";
import { createFanout, type Fanout } from "./fanout.ts";
import { createPostgresPartyStore, type PartyStore } from "./party-store.ts";
import { createPlayers, type Players } from "./players.ts";
import { createPost, type Post } from "./post.ts";
import { createMemoryRecentMessages, createRedisRecentMessages, withFallback } from "./recent-messages.ts";
import { createSpamGuard, type SpamGuard } from "./spam-guard.ts";
import type { SpamRules } from "./spam-rules.ts";
import { type ChatStore, createPostgresChatStore } from "./store.ts";

/** What a replica of the chat service is made of. */
export interface ChatParts {
  store: ChatStore;
  parties: PartyStore;
  post: Post;
  fanout: Fanout;
  sessions: ReturnType<typeof followEndedSessions>;
  players: Players;
  spamGuard: SpamGuard;
  clock: () => Date;
  limits: Limits;
}

export interface Limits {
  /** Members. */
  maxPartySize: number;
  /** How long an invite is good for. */
  inviteSeconds: number;
  /** Silence on a stream before a heartbeat, in seconds. */
  heartbeatSeconds: number;
}

/**
 * @param instance the replica's own name.
 * @param stored is called after a transaction that may hold events.
 * @param checkMs see {@link createFanout}.
 */
export function createChatParts(options: {
  database: Pick<Database, "pool" | "transaction" | "migrated">;
  redis: Redis;
  accounts: Pick<Client<typeof AccountService>, "getUserProfile">;
  spamRules: SpamRules;
  instance: string;
  stored: () => void;
  clock: () => Date;
  checkMs: number;
  limits: Limits;
  log: Log;
}): ChatParts & { close(): Promise<void> } {
  const { database, redis, instance, clock, checkMs, log } = options;
  const subscriber = connectSubscriber(redis);
  const sessions = followEndedSessions(database, log);
  const store = createPostgresChatStore(database.pool);
  const fanout = createFanout({ store, redis, subscriber, origin: instance, checkMs, log });
  const recent = withFallback(createRedisRecentMessages(redis), createMemoryRecentMessages());
  return {
    store,
    fanout,
    clock,
    limits: options.limits,
    parties: createPostgresPartyStore(database),
    post: createPost({ store, fanout, stored: options.stored }),
    sessions,
    players: createPlayers(options.accounts),
    spamGuard: createSpamGuard({ rules: options.spamRules, recent, clock, log }),
    async close() {
      await sessions.stop();
      fanout.close();
      subscriber.disconnect();
      redis.disconnect();
    },
  };
}
