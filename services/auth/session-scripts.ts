import type { Redis } from "ioredis";

/**
 * What has to be done as a whole in Redis. The keys of each: the session (a hash), then its user's sessions (a sorted set, by the time
 * each ends). Times are milliseconds; Redis's own expiry only tidies up.
 */
const scripts = {
  /** now, end, life, session id, then the session's fields and values. */
  createSession: `
    redis.call('HSET', KEYS[1], unpack(ARGV, 5))
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
    redis.call('ZADD', KEYS[2], ARGV[2], ARGV[4])
    redis.call('PEXPIRE', KEYS[2], ARGV[3])`,
  /** now, end, life, session id, the token's family and current part, the next current part. */
  rotateSession: `
    local session = redis.call('HMGET', KEYS[1], 'family', 'current', 'expire_time', 'reused')
    if session[1] ~= ARGV[5] or tonumber(session[3]) <= tonumber(ARGV[1]) then return 'unknown' end
    if session[2] ~= ARGV[6] or session[4] then
      redis.call('HSET', KEYS[1], 'reused', '1')
      return 'reused'
    end
    redis.call('HSET', KEYS[1], 'current', ARGV[7], 'refresh_time', ARGV[1], 'expire_time', ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    redis.call('ZADD', KEYS[2], ARGV[2], ARGV[4])
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
    return 'rotated'`,
  /** session id. */
  endSession: `
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], ARGV[1])`,
};

type Script = (sessionKey: string, userKey: string, ...args: (string | number)[]) => Promise<unknown>;

/** Teaches `redis` the scripts. */
export function defineSessionScripts(redis: Redis): Record<keyof typeof scripts, Script> {
  for (const [name, lua] of Object.entries(scripts)) redis.defineCommand(name, { numberOfKeys: 2, lua });
  return redis as unknown as Record<keyof typeof scripts, Script>;
}
