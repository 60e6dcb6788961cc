import type { Redis } from "ioredis";
import type { Log } from "#kit/log.ts";

/** Says whose standing has changed, on whichever replica it did. It may miss some: who follows also looks by themselves now and then. */
export interface News {
  /** @returns what stops it. */
  follow(userId: string, changed: () => void): () => void;
}

const topic = "match:news";

/** @param subscriber a Redis connection for subscriptions. */
export function createNews(subscriber: Redis, log: Log): News {
  const followers = new Map<string, Set<() => void>>();
  const tell = (userId: string) => {
    for (const changed of followers.get(userId) ?? []) changed();
  };
  subscriber.on("message", (_topic: string, userIds: string) => userIds.split(" ").forEach(tell));
  // What was told while the connection was lost concerns anybody, once the subscription is in force.
  const subscribe = () => {
    subscriber
      .subscribe(topic)
      .then(() => [...followers.keys()].forEach(tell))
      .catch((error: Error) => log.debug({ err: error.message }, "news"));
  };
  if (subscriber.status === "ready") subscribe();
  subscriber.on("ready", subscribe);
  return {
    follow(userId, changed) {
      const set = followers.get(userId) ?? new Set();
      followers.set(userId, set.add(changed));
      return () => {
        set.delete(changed);
        if (set.size === 0 && followers.get(userId) === set) followers.delete(userId);
      };
    },
  };
}
