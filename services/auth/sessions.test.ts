import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { createLog } from "#kit/log.ts";
import { connectRedis } from "#kit/redis.ts";
import { createTestClock } from "../../tests/support/clock.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { formatRefreshToken, parseRefreshToken } from "./refresh-token.ts";
import { createRedisSessions, refreshTokenLifeMs } from "./sessions.ts";

async function startSessions(t: TestContext) {
  const engines = await startEngines(t, ["redis"]);
  const log = createLog("auth");
  log.level = "silent";
  const redis = connectRedis(engines.redisUrl("auth"), "auth", log);
  t.after(() => redis.disconnect());
  await until("Redis answers", async () => (await redis.ping()) === "PONG");
  const clock = createTestClock();
  const sessions = createRedisSessions(redis, clock.now);
  const create = async (userId = randomUUID()) => {
    const sessionId = randomUUID();
    return { userId, sessionId, ...(await sessions.create(sessionId, userId, "1.2.3")) };
  };
  return { redis, clock, sessions, create };
}

test("sessions on a real Redis", async (t) => {
  const { redis, clock, sessions, create } = await startSessions(t);

  /** The token that follows; the test fails when there is none. */
  async function rotate(userId: string, token: string): Promise<string> {
    const outcome = await sessions.rotate(userId, token);
    assert.ok(typeof outcome === "object", `the token is ${outcome}`);
    return outcome.refreshToken;
  }

  await t.test("a session is found, and its token isn't stored", async () => {
    const { userId, sessionId, refreshToken } = await create();
    const session = await sessions.find(sessionId);
    assert.equal(session?.userId, userId);
    assert.equal(session.clientVersion, "1.2.3");
    assert.equal(session.expireTime.getTime(), clock.now().getTime() + refreshTokenLifeMs);
    const stored = JSON.stringify(await redis.hgetall(`auth:session:${sessionId}`));
    const { family, current } = parseRefreshToken(refreshToken)!;
    for (const part of [family, current]) {
      assert.ok(!stored.includes(part.toString("base64url")));
      assert.ok(!stored.includes(part.toString("hex")));
    }
    assert.ok((await redis.pttl(`auth:session:${sessionId}`)) > refreshTokenLifeMs - 60_000);
  });

  await t.test("each token is good for one exchange and lengthens the session", async () => {
    const { userId, sessionId, refreshToken } = await create();
    clock.advance(60_000);
    const second = await rotate(userId, refreshToken);
    const third = await rotate(userId, second);
    assert.equal(new Set([refreshToken, second, third]).size, 3);
    const session = await sessions.find(sessionId);
    assert.equal(session?.refreshTime.getTime(), clock.now().getTime());
    assert.equal(session?.expireTime.getTime(), clock.now().getTime() + refreshTokenLifeMs);
  });

  await t.test("a used token ends the family: the newest token is worth nothing either", async () => {
    const { userId, sessionId, refreshToken } = await create();
    const second = await rotate(userId, refreshToken);
    assert.equal(await sessions.rotate(userId, refreshToken), "reused");
    assert.equal(await sessions.find(sessionId), undefined);
    assert.equal(await sessions.rotate(userId, second), "reused");
    assert.equal(await sessions.ownerOf(sessionId), userId, "whoever ends it still learns whose it was");
  });

  await t.test("of many exchanges of one token at once exactly one wins", async () => {
    const { userId, sessionId, refreshToken } = await create();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => sessions.rotate(userId, refreshToken)));
    assert.equal(outcomes.filter((outcome) => typeof outcome === "object").length, 1);
    assert.equal(outcomes.filter((outcome) => outcome === "reused").length, 7);
    assert.equal(await sessions.find(sessionId), undefined);
  });

  await t.test("a guess with a known session id ends nobody's session", async () => {
    const { userId, sessionId, refreshToken } = await create();
    const stranger = parseRefreshToken((await create()).refreshToken)!;
    assert.equal(await sessions.rotate(userId, formatRefreshToken({ ...stranger, sessionId })), "unknown");
    assert.equal(await sessions.rotate(userId, "nonsense"), "unknown");
    await rotate(userId, refreshToken);
  });

  await t.test("a session that is not refreshed for 30 days has ended", async () => {
    const { userId, sessionId, refreshToken } = await create();
    clock.advance(refreshTokenLifeMs - 1);
    assert.ok(await sessions.find(sessionId));
    clock.advance(1);
    assert.equal(await sessions.find(sessionId), undefined);
    assert.deepEqual(await sessions.list(userId), []);
    assert.equal(await sessions.rotate(userId, refreshToken), "unknown");
  });

  await t.test("a user's living sessions are listed, newest first, and nobody else's", async () => {
    const first = await create();
    clock.advance(1_000);
    const second = await create(first.userId);
    clock.advance(1_000);
    const third = await create(first.userId);
    await create();
    await rotate(first.userId, first.refreshToken);
    await sessions.end(first.userId, second.sessionId);
    assert.deepEqual(
      (await sessions.list(first.userId)).map(({ sessionId }) => sessionId),
      [third.sessionId, first.sessionId],
    );
  });

  await t.test("an ended session's token is unknown", async () => {
    const { userId, sessionId, refreshToken } = await create();
    await sessions.end(userId, sessionId);
    assert.equal(await sessions.rotate(userId, refreshToken), "unknown");
    assert.equal(await sessions.ownerOf(sessionId), undefined);
    assert.equal(await redis.exists(`auth:session:${sessionId}`), 0);
  });
});
