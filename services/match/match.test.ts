import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { Outcome } from "#gen/game/match/v1/match_service_pb.ts";
import { Mode, QueueEnd, QueueStatus, Role } from "#gen/game/match/v1/queue_state_pb.ts";
import { endSession } from "#kit/ended-sessions.ts";
import { sessionEnded } from "../../tests/support/session-ended.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { assertRefused, type Player, player, type Replica, startReplica, watch } from "./test-replica.ts";

const { TANK, HEALER, DAMAGE } = Role;

/** Two replicas on one Redis and one Postgres, whose players call either. */
test("matchmaking", async (t) => {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const urls = { databaseUrl: engines.databaseUrl("match"), redisUrl: engines.redisUrl("match") };
  let now = new Date("2026-11-25T12:00:00Z");
  const clock = () => now;
  const near = await startReplica(t, urls, { instance: "match-1", clock });
  const far = await startReplica(t, urls, { instance: "match-2", clock });

  const join = (t: TestContext, replica: Replica, one: Player) => ({
    ...one,
    client: replica.clientOf(one),
    stream: watch(t, replica.clientOf(one)),
  });
  /** Two strangers who play each other, one on each replica. */
  async function duel(t: TestContext, one = player("ada"), other = player("bob")) {
    const [ada, bob] = [join(t, near, one), join(t, far, other)];
    await ada.client.joinQueue({ mode: Mode.PVP });
    await bob.client.joinQueue({ mode: Mode.PVP });
    const { match } = await ada.stream.until(QueueStatus.READY_CHECK);
    await bob.stream.until(QueueStatus.READY_CHECK);
    return { ada, bob, matchId: match!.matchId };
  }
  async function start(t: TestContext, one?: Player, other?: Player) {
    const { ada, bob, matchId } = await duel(t, one, other);
    await ada.client.respondReadyCheck({ matchId, ready: true });
    await bob.client.respondReadyCheck({ matchId, ready: true });
    const { match } = await ada.stream.until(QueueStatus.STARTED);
    return { ada, bob, matchId, side1: match!.players.find(({ side }) => side === 1)!.userId };
  }

  await t.test("two who wait get a match, are both ready, and then learn who plays", async (t) => {
    const { ada, bob, matchId } = await duel(t);
    const { state } = await ada.client.respondReadyCheck({ matchId, ready: true });
    assert.deepEqual([state?.match?.readyCount, state?.match?.playerCount, state?.match?.ready], [1, 2, true]);
    assert.deepEqual(state?.match?.players, [], "nobody declines because of who the other is");
    await bob.client.respondReadyCheck({ matchId, ready: true });
    for (const { stream } of [ada, bob]) {
      const { match } = await stream.until(QueueStatus.STARTED);
      assert.deepEqual(match?.players.map(({ userId }) => userId).sort(), [ada.userId, bob.userId].sort());
      assert.deepEqual(match?.players.map(({ side }) => side).sort(), [1, 2]);
    }
    const again = watch(t, far.clientOf(ada));
    assert.equal((await again.until(QueueStatus.STARTED)).match?.matchId, matchId, "a stream opened later says it too");
    const { state: queued } = await ada.client.joinQueue({ mode: Mode.PVP });
    assert.equal(queued?.status, QueueStatus.WAITING);
    await ada.client.leaveQueue({});
  });

  await t.test("who declines is out, and the other waits on at the front", async (t) => {
    const { ada, bob, matchId } = await duel(t);
    const since = ada.stream.states.at(-1)!.queueTime;
    await ada.client.respondReadyCheck({ matchId, ready: true });
    await bob.client.respondReadyCheck({ matchId, ready: false });
    assert.equal((await bob.stream.until(QueueStatus.IDLE)).lastEnd, QueueEnd.DECLINED);
    const waiting = await ada.stream.until(QueueStatus.WAITING);
    assert.deepEqual([waiting.requeues, waiting.queueTime], [1, since]);
    await assertRefused(ada.client.respondReadyCheck({ matchId, ready: true }), Code.NotFound, "match_unknown");
    await ada.client.leaveQueue({});
    assert.equal((await ada.stream.until(QueueStatus.IDLE)).lastEnd, QueueEnd.LEFT);
  });

  await t.test("one is in one queue at a time, and leaves as often as they like", async (t) => {
    const ada = join(t, near, player("ada"));
    await ada.client.joinQueue({ mode: Mode.DUNGEON, roles: [TANK] });
    await assertRefused(ada.client.joinQueue({ mode: Mode.PVP }), Code.FailedPrecondition, "already_queued");
    await ada.client.leaveQueue({});
    await ada.client.leaveQueue({});
    await ada.stream.until(QueueStatus.IDLE);
  });

  await t.test("a party stays together and is filled up with others in the roles that it lacks", async (t) => {
    const [ada, bob, eve, kim, zoe] = ["ada", "bob", "eve", "kim", "zoe"].map((name, i) =>
      join(t, i % 2 ? near : far, player(name)),
    ) as [ReturnType<typeof join>, ...ReturnType<typeof join>[]] & { length: 5 };
    const joined = await ada.client.joinQueue({
      mode: Mode.DUNGEON,
      roles: [DAMAGE, TANK],
      memberUserIds: [bob!.userId],
    });
    assert.equal(joined.state?.status, QueueStatus.GATHERING);
    const ticketId = joined.state!.ticketId;
    await assertRefused(eve!.client.confirmQueue({ ticketId, roles: [TANK] }), Code.NotFound, "ticket_unknown");
    await eve!.client.joinQueue({ mode: Mode.DUNGEON, roles: [HEALER] });
    await kim!.client.joinQueue({ mode: Mode.DUNGEON, roles: [DAMAGE] });
    await zoe!.client.joinQueue({ mode: Mode.DUNGEON, roles: [DAMAGE] });
    await bob!.client.confirmQueue({ ticketId, roles: [DAMAGE] });
    const all = [ada, bob!, eve!, kim!, zoe!];
    const { match } = await ada.stream.until(QueueStatus.READY_CHECK);
    for (const { client, stream } of all) {
      await stream.until(QueueStatus.READY_CHECK);
      await client.respondReadyCheck({ matchId: match!.matchId, ready: true });
    }
    const started = await bob!.stream.until(QueueStatus.STARTED);
    const roleOf = new Map(started.match!.players.map(({ userId, role }) => [userId, role]));
    assert.deepEqual(
      all.map(({ userId }) => roleOf.get(userId)),
      [TANK, DAMAGE, HEALER, DAMAGE, DAMAGE],
    );
  });

  await t.test("a result is counted once, changes both ratings, and moves both on the leaderboard", async (t) => {
    const { ada, bob, matchId, side1 } = await start(t);
    const outcome = side1 === ada.userId ? Outcome.SIDE_1_WON : Outcome.SIDE_2_WON;
    const { ratings } = await near.clientOf(player("judge")).reportMatchResult({ matchId, outcome });
    const [won, lost] = [ada, bob].map(({ userId }) => ratings.find((one) => one.userId === userId));
    assert.deepEqual([won?.rating.toFixed(2), lost?.rating.toFixed(2)], ["1662.31", "1337.69"]);
    assert.deepEqual([won?.wins, won?.losses, lost?.wins, lost?.losses], [1, 0, 0, 1]);
    const again = await far.clientOf(player("judge")).reportMatchResult({ matchId, outcome });
    assert.deepEqual(again.ratings, ratings);
    const other = far.clientOf(player("judge")).reportMatchResult({ matchId, outcome: Outcome.DRAW });
    await assertRefused(other, Code.FailedPrecondition, "already_reported");
    assert.equal((await far.clientOf(bob).getRating({ userId: ada.userId })).rating?.rating, won?.rating);
    const { season, entries } = await far.clientOf(ada).listLeaderboard({});
    assert.equal(season, "2026-q4");
    assert.deepEqual(
      entries.map(({ rank, rating }) => [rank, rating?.userId]),
      [
        [1n, ada.userId],
        [2n, bob.userId],
      ],
    );
  });

  await t.test(
    "of two with the same rating, who reached it first stands higher; both see who is around them",
    async (t) => {
      const before = Number((await near.clientOf(player("x")).listLeaderboard({})).total);
      const first = await start(t);
      const second = await start(t);
      const report = (match: typeof first) =>
        near.clientOf(player("judge")).reportMatchResult({ matchId: match.matchId, outcome: Outcome.DRAW });
      await report(second);
      now = new Date(now.getTime() + 1);
      await report(first);
      const { entries, total } = await far.clientOf(first.ada).listLeaderboard({ aroundMe: true, limit: 100 });
      assert.equal(Number(total), before + 4);
      const placeOf = ({ ada }: typeof first) => entries.findIndex(({ rating }) => rating?.userId === ada.userId);
      assert.ok(placeOf(second) < placeOf(first));
      const around = await far.clientOf(first.ada).listLeaderboard({ aroundMe: true, limit: 1 });
      assert.equal(around.entries[0]?.rating?.userId, first.ada.userId);
      assert.deepEqual((await far.clientOf(player("new")).listLeaderboard({ aroundMe: true })).entries, []);
    },
  );

  await t.test("a new season begins with everybody nearer to each other, and an empty leaderboard", async (t) => {
    const { ada, matchId, side1 } = await start(t);
    await near.clientOf(ada).reportMatchResult({
      matchId,
      outcome: side1 === ada.userId ? Outcome.SIDE_1_WON : Outcome.SIDE_2_WON,
    });
    const { rating: before } = await near.clientOf(ada).getRating({});
    const saved = now;
    t.after(() => {
      now = saved;
    });
    now = new Date("2027-01-02T00:00:00Z");
    const { rating } = await near.clientOf(ada).getRating({});
    assert.equal(rating?.season, "2027-q1");
    assert.equal(rating?.rating, 1_500 + (before!.rating - 1_500) / 2);
    assert.deepEqual((await far.clientOf(ada).listLeaderboard({})).entries, []);
    assert.ok((await far.clientOf(ada).listLeaderboard({ season: "2026-q4" })).total > 0n);
  });

  await t.test("what can't be is refused", async (t) => {
    const ada = player("ada");
    const client = near.clientOf(ada);
    const refused: [() => Promise<unknown>, Code, string?][] = [
      [() => client.joinQueue({}), Code.InvalidArgument],
      [() => client.joinQueue({ mode: Mode.PVP, roles: [TANK] }), Code.InvalidArgument],
      [() => client.joinQueue({ mode: Mode.DUNGEON }), Code.InvalidArgument],
      [() => client.joinQueue({ mode: Mode.DUNGEON, roles: [TANK, TANK] }), Code.InvalidArgument],
      [() => client.joinQueue({ mode: Mode.PVP, memberUserIds: [randomUUID()] }), Code.InvalidArgument],
      [
        () => client.joinQueue({ mode: Mode.DUNGEON, roles: [TANK], memberUserIds: [ada.userId.toUpperCase()] }),
        Code.InvalidArgument,
        "with_oneself",
      ],
      [() => client.confirmQueue({ ticketId: randomUUID(), roles: [TANK] }), Code.NotFound, "ticket_unknown"],
      [() => client.respondReadyCheck({ matchId: randomUUID(), ready: true }), Code.NotFound, "match_unknown"],
      [() => client.getRating({ userId: randomUUID() }), Code.NotFound, "player_unknown"],
      [() => client.listLeaderboard({ season: "always" }), Code.InvalidArgument],
      [
        () => client.reportMatchResult({ matchId: randomUUID(), outcome: Outcome.DRAW }),
        Code.NotFound,
        "match_unknown",
      ],
    ];
    for (const [call, code, reason] of refused) await assertRefused(call(), code, reason);
    const { matchId } = await start(t);
    await assertRefused(
      client.reportMatchResult({ matchId, outcome: Outcome.CLEARED }),
      Code.InvalidArgument,
      "outcome_unfit",
    );
    const { matchId: unready, ada: stranger } = await duel(t);
    await assertRefused(client.respondReadyCheck({ matchId: unready, ready: true }), Code.NotFound, "match_unknown");
    await stranger.client.leaveQueue({});
    await assertRefused(
      client.reportMatchResult({ matchId: unready, outcome: Outcome.DRAW }),
      Code.NotFound,
      "match_unknown",
    );
  });

  await t.test("a stream ends when its session does", async (t) => {
    const ada = join(t, near, player("ada"));
    await ada.stream.until(QueueStatus.IDLE);
    const event = sessionEnded(ada.userId, ada.sessionId, 60_000);
    await far.database.transaction((client) => endSession(event, client));
    assert.equal((await ada.stream.ended)?.code, Code.Unauthenticated);
  });

  await t.test("a stream ends when its token does", async () => {
    const headers = { "x-session-expires": String(now.getTime() / 1_000 + 60) };
    const stream = near.clientOf(player("ada")).watchQueue({}, { headers })[Symbol.asyncIterator]();
    await stream.next();
    now = new Date(now.getTime() + 60_000);
    await assertRefused(stream.next(), Code.Unauthenticated, "token_expired");
  });

  await t.test("what Redis has lost of the leaderboard is built again from Postgres", async () => {
    const client = near.clientOf(player("reader"));
    const before = await client.listLeaderboard({ limit: 100 });
    assert.ok(before.entries.length > 0);
    await engines.process("redis").kill("SIGKILL");
    const after = await until("Redis is back", () => client.listLeaderboard({ limit: 100 }));
    assert.deepEqual(after.entries, before.entries);
  });
});
