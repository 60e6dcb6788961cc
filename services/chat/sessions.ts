import type { Redis } from "ioredis";
import type { Log } from "#kit/log.ts";

/** The sessions whose access tokens are refused although they have not expired, known to all replicas. */
export interface Sessions {
  /** @throws when Redis is away. */
  isEnded(sessionId: string): Promise<boolean>;
  /** Ends a session on all replicas. @throws when Redis is away. */
  end(sessionId: string, expireTime: Date): Promise<void>;
  /** Calls `ended` once when the session ends. @returns what stops that. */
  watch(sessionId: string, ended: () => void): () => void;
}

const topic = "chat:session-ended";
const keyOf = (sessionId: string) => `chat:ended-session:${sessionId}`;

/** @param subscriber a Redis connection for subscriptions. */
export function createSessions(options: { redis: Redis; subscriber: Redis; clock: () => Date; log: Log }): Sessions {
  const { redis, subscriber, clock, log } = options;
  const watched = new Map<string, Set<() => void>>();

  function tell(sessionId: string): void {
    const watchers = watched.get(sessionId);
    watched.delete(sessionId);
    for (const ended of watchers ?? []) ended();
  }

  const isEnded = async (sessionId: string) => (await redis.exists(keyOf(sessionId))) === 1;

  subscriber.on("message", (name: string, sessionId: string) => {
    if (name === topic) tell(sessionId);
  });
  // What was told while the connection was lost is looked up, once the subscription is in force: nothing falls between.
  const follow = () => {
    subscriber
      .subscribe(topic)
      .then(lookUpAll)
      .catch((error: Error) => log.debug({ err: error.message }, "sessions"));
  };
  if (subscriber.status === "ready") follow();
  subscriber.on("ready", follow);
  async function lookUpAll(): Promise<void> {
    for (const sessionId of [...watched.keys()]) if (await isEnded(sessionId)) tell(sessionId);
  }

  return {
    isEnded,
    async end(sessionId, expireTime) {
      const ms = expireTime.getTime() - clock().getTime();
      if (ms > 0) await redis.set(keyOf(sessionId), "1", "PX", ms);
      await redis.publish(topic, sessionId);
    },
    watch(sessionId, ended) {
      const watchers = watched.get(sessionId) ?? new Set();
      watched.set(sessionId, watchers.add(ended));
      return () => {
        watchers.delete(ended);
        if (watchers.size === 0 && watched.get(sessionId) === watchers) watched.delete(sessionId);
      };
    },
  };
}
