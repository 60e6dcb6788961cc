import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { Trace } from "./spam-filter.ts";

/** What each player has said of late. */
export interface RecentMessages {
  /** Adds a message. @returns those before it that are not older than `memoryMs`, and what takes it back. */
  add(userId: string, trace: Trace, memoryMs: number): Promise<{ before: Trace[]; takeBack(): Promise<void> }>;
}

/** One step in Redis, so that of several replicas each sees what the others have added before. */
const addScript = `
redis.call('zremrangebyscore', KEYS[1], '-inf', ARGV[1])
local before = redis.call('zrange', KEYS[1], 0, -1)
redis.call('zadd', KEYS[1], ARGV[2], ARGV[3])
redis.call('pexpire', KEYS[1], ARGV[4])
return before`;

/** Shared by all replicas. */
export function createRedisRecentMessages(redis: Redis): RecentMessages {
  return {
    async add(userId, trace, memoryMs) {
      const key = `chat:recent:${userId}`;
      const member = [trace.at, trace.fingerprint, trace.links, randomUUID()].join(" ");
      const before = (await redis.eval(addScript, 1, key, trace.at - memoryMs, trace.at, member, memoryMs)) as string[];
      return {
        before: before.map(parseMember),
        async takeBack() {
          await redis.zrem(key, member);
        },
      };
    },
  };
}

function parseMember(member: string): Trace {
  const [at, fingerprint, links] = member.split(" ");
  return { at: Number(at), fingerprint: fingerprint!, links: Number(links) };
}

/** This replica's own. @param maxUsers those who spoke last. */
export function createMemoryRecentMessages(maxUsers = 10_000): RecentMessages {
  const users = new Map<string, Trace[]>();
  return {
    async add(userId, trace, memoryMs) {
      const before = (users.get(userId) ?? []).filter(({ at }) => at > trace.at - memoryMs);
      // A map keeps the order of insertion: the first is who has been silent for longest.
      users.delete(userId);
      users.set(userId, [...before, trace]);
      if (users.size > maxUsers) users.delete(users.keys().next().value!);
      return {
        before,
        async takeBack() {
          users.set(userId, users.get(userId)?.filter((one) => one !== trace) ?? []);
        },
      };
    },
  };
}

/** `first` as long as it answers, else `second`. */
export function withFallback(first: RecentMessages, second: RecentMessages): RecentMessages {
  return {
    async add(userId, trace, memoryMs) {
      try {
        return await first.add(userId, trace, memoryMs);
      } catch {
        return await second.add(userId, trace, memoryMs);
      }
    },
  };
}
