import { Redis } from "ioredis";
import type { Log } from "./log.ts";

/**
 * Connects to Redis, which need not be there yet. While it is away a command fails at once instead of waiting.
 *
 * @param name shows in the log and in Redis's client list.
 * @param answerWithinMs how long a command may take; then it fails like one that finds Redis away.
 */
export function connectRedis(url: string, name: string, log: Log, answerWithinMs = 2_000): Redis {
  const redis = new Redis(url, {
    connectionName: name,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    commandTimeout: answerWithinMs,
    retryStrategy: (attempt) => Math.min(100 * attempt, 2_000),
  });
  let away = false;
  redis.on("error", (error) => {
    if (!away) log.warn({ err: error.message }, "Redis is away");
    away = true;
  });
  redis.on("ready", () => {
    if (away) log.info("Redis is back");
    away = false;
  });
  return redis;
}

/** A second connection, for subscriptions: it waits for Redis and takes its channels up again by itself. */
export function connectSubscriber(redis: Redis): Redis {
  const subscriber = redis.duplicate({
    enableOfflineQueue: true,
    maxRetriesPerRequest: null,
    commandTimeout: undefined,
  });
  // The first connection tells the log.
  subscriber.on("error", () => undefined);
  return subscriber;
}
