import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import { formatRefreshToken, hashPart, parseRefreshToken, partLength } from "./refresh-token.ts";
import { defineSessionScripts } from "./session-scripts.ts";

/** One login on one device. */
export interface Session {
  /** UUID. */
  sessionId: string;
  userId: string;
  clientVersion: string;
  createTime: Date;
  refreshTime: Date;
  /** It ends then unless it is refreshed. */
  expireTime: Date;
}

/** The living sessions. Of a refresh token only hashes are kept. All of it may reject while Redis is away. */
export interface Sessions {
  create(sessionId: string, userId: string, clientVersion: string): Promise<{ refreshToken: string }>;
  /** The session, when it lives. */
  find(sessionId: string): Promise<Session | undefined>;
  /** The user whose session it is, also after a token of it was used twice. */
  ownerOf(sessionId: string): Promise<string | undefined>;
  /** The user's living sessions, newest first, at most {@link listLimit}. */
  list(userId: string): Promise<Session[]>;
  /**
   * Exchanges a refresh token for the next. Of several at once with the same token one wins; the others, as anybody who comes with a used
   * token, get `reused`, and the session lives no longer from that moment. `unknown` is no token of a session.
   */
  rotate(userId: string, refreshToken: string): Promise<{ refreshToken: string } | "reused" | "unknown">;
  end(userId: string, sessionId: string): Promise<void>;
}

/** How long a refresh token is good. */
export const refreshTokenLifeMs = 30 * 24 * 3_600_000;

/** The most recently used ones are listed. */
export const listLimit = 100;

const sessionKey = (sessionId: string) => `auth:session:${sessionId}`;
const userKey = (userId: string) => `auth:user-sessions:${userId}`;

export function createRedisSessions(redis: Redis, clock: () => Date): Sessions {
  const scripts = defineSessionScripts(redis);

  function toSession(sessionId: string, fields: Record<string, string>): Session | undefined {
    const expireTime = new Date(Number(fields.expire_time));
    if (!fields.user_id || fields.reused || expireTime <= clock()) return undefined;
    return {
      sessionId,
      userId: fields.user_id,
      clientVersion: fields.client_version ?? "",
      createTime: new Date(Number(fields.create_time)),
      refreshTime: new Date(Number(fields.refresh_time)),
      expireTime,
    };
  }

  return {
    async create(sessionId, userId, clientVersion) {
      const now = clock().getTime();
      const end = now + refreshTokenLifeMs;
      const family = randomBytes(partLength);
      const current = randomBytes(partLength);
      const fields = {
        user_id: userId,
        client_version: clientVersion,
        create_time: now,
        refresh_time: now,
        expire_time: end,
        family: hashPart(family),
        current: hashPart(current),
      };
      await scripts.createSession(
        sessionKey(sessionId),
        userKey(userId),
        now,
        end,
        refreshTokenLifeMs,
        sessionId,
        ...Object.entries(fields).flat(),
      );
      return { refreshToken: formatRefreshToken({ sessionId, family, current }) };
    },
    find: async (sessionId) => toSession(sessionId, await redis.hgetall(sessionKey(sessionId))),
    ownerOf: async (sessionId) => (await redis.hget(sessionKey(sessionId), "user_id")) ?? undefined,
    async list(userId) {
      const ids = await redis.zrevrange(userKey(userId), 0, listLimit - 1);
      const all = await Promise.all(ids.map(async (id) => toSession(id, await redis.hgetall(sessionKey(id)))));
      return all
        .filter((session) => session !== undefined)
        .sort((a, b) => b.createTime.getTime() - a.createTime.getTime());
    },
    async rotate(userId, refreshToken) {
      const token = parseRefreshToken(refreshToken);
      if (!token) return "unknown";
      const now = clock().getTime();
      const next = randomBytes(partLength);
      const outcome = await scripts.rotateSession(
        sessionKey(token.sessionId),
        userKey(userId),
        now,
        now + refreshTokenLifeMs,
        refreshTokenLifeMs,
        token.sessionId,
        hashPart(token.family),
        hashPart(token.current),
        hashPart(next),
      );
      if (outcome === "rotated") return { refreshToken: formatRefreshToken({ ...token, current: next }) };
      return outcome as "reused" | "unknown";
    },
    async end(userId, sessionId) {
      await scripts.endSession(sessionKey(sessionId), userKey(userId), sessionId);
    },
  };
}
