import type { Redis } from "ioredis";

/** The sessions whose access tokens are refused although they have not expired, known to all replicas. Rejects while Redis is away. */
export interface Sessions {
  isEnded(sessionId: string): Promise<boolean>;
  end(sessionId: string, expireTime: Date): Promise<void>;
}

const keyOf = (sessionId: string) => `match:ended-session:${sessionId}`;

export function createSessions(redis: Redis, clock: () => Date): Sessions {
  return {
    isEnded: async (sessionId) => (await redis.exists(keyOf(sessionId))) === 1,
    async end(sessionId, expireTime) {
      const ms = expireTime.getTime() - clock().getTime();
      if (ms > 0) await redis.set(keyOf(sessionId), "1", "PX", ms);
    },
  };
}
