import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { Mode, QueueEnd, QueueStatus, Role } from "#gen/game/match/v1/queue_state_pb.ts";
import { signalTree } from "../../tests/support/signal-tree.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { assertRefused, player, type Replica, startReplica, watch } from "./test-replica.ts";
import type { FoundMatch } from "./ticket.ts";

/** Longer than any test lasts: this replica looks at the queues once and then never again. */
const neverMs = 3_600_000;

test("matchmaking in trouble", async (t) => {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const urls = { databaseUrl: engines.databaseUrl("match"), redisUrl: engines.redisUrl("match") };
  /** Leads by turns with whoever else is there. */
  const replica = await startReplica(t, urls, { limits: { gatherMs: 500, readyMs: 1_000 } });

  function join(t: TestContext, one = player("ada"), at: Replica = replica) {
    return { ...one, client: at.clientOf(one), stream: watch(t, at.clientOf(one)) };
  }
  async function duel(t: TestContext) {
    const [ada, bob] = [join(t), join(t)];
    await ada.client.joinQueue({ mode: Mode.PVP });
    await bob.client.joinQueue({ mode: Mode.PVP });
    const { match } = await ada.stream.until(QueueStatus.READY_CHECK);
    await bob.stream.until(QueueStatus.READY_CHECK);
    return { ada, bob, matchId: match!.matchId };
  }

  await t.test("who doesn't get ready in time is out, and who did waits at the front of the queue", async (t) => {
    const { ada, bob, matchId } = await duel(t);
    await ada.client.respondReadyCheck({ matchId, ready: true });
    assert.equal((await bob.stream.until(QueueStatus.IDLE)).lastEnd, QueueEnd.READY_TIMEOUT);
    const waiting = await ada.stream.until(QueueStatus.WAITING);
    assert.equal(waiting.requeues, 1);
    await ada.client.leaveQueue({});
  });

  await t.test("a requeued ticket stands before those who came earlier", async (t) => {
    const silent = await startReplica(t, urls, { instance: "silent", limits: { roundMs: neverMs } });
    const [early, ada, bob] = [player("early"), player("ada"), player("bob")];
    const join = (one: typeof ada, role: "tank") =>
      silent.queues.join("dungeon", { ...one, roles: [role], rating: 0 }, []);
    for (const one of [early, ada, bob]) await join(one, "tank");
    const tickets = await silent.queues.tickets(await silent.queues.waiting("dungeon"));
    const ticketOf = (one: typeof ada) => tickets.find(({ members }) => members[0]!.userId === one.userId)!.ticketId;
    const matchId = randomUUID();
    const players = [ada, bob].map((one) => ({ ...one, ticketId: ticketOf(one), side: 0 }));
    assert.equal(await silent.queues.claim([{ matchId, mode: "dungeon", players }]), 1);
    await silent.queues.respond(matchId, bob.userId, false);
    assert.deepEqual(await silent.queues.waiting("dungeon"), [ticketOf(ada), ticketOf(early)]);
    for (const one of [early, ada]) await silent.queues.leave(one.userId);
  });

  await t.test("a party that doesn't confirm in time is out, and its members may queue", async (t) => {
    const [ada, bob] = [join(t), join(t)];
    const roles = [Role.TANK];
    const { state } = await ada.client.joinQueue({ mode: Mode.DUNGEON, roles, memberUserIds: [bob.userId] });
    assert.equal((await ada.stream.until(QueueStatus.IDLE)).lastEnd, QueueEnd.GATHER_TIMEOUT);
    const late = bob.client.confirmQueue({ ticketId: state!.ticketId, roles });
    await assertRefused(late, Code.NotFound, "ticket_unknown");
    await bob.client.joinQueue({ mode: Mode.DUNGEON, roles });
    await bob.client.leaveQueue({});
  });

  await t.test("who waits too long is out", async (t) => {
    const hasty = await startReplica(t, urls, { instance: "hasty", limits: { waitMs: 100 } });
    const ada = join(t, player("ada"), hasty);
    await ada.client.joinQueue({ mode: Mode.DUNGEON, roles: [Role.TANK] });
    assert.equal((await ada.stream.until(QueueStatus.IDLE)).lastEnd, QueueEnd.EXPIRED);
  });

  await t.test("of many who claim the same tickets at once, each ticket goes to one", async (t) => {
    const others = await Promise.all(
      ["a", "b", "c"].map((instance) => startReplica(t, urls, { instance, limits: { roundMs: neverMs } })),
    );
    const users = Array.from({ length: 30 }, (_, i) => player(`p${i}`));
    for (const user of users) await others[0]!.queues.join("dungeon", { ...user, roles: ["damage"], rating: 0 }, []);
    const tickets = await others[0]!.queues.tickets(await others[0]!.queues.waiting("dungeon"));
    const random = (below: number) => Math.floor(Math.random() * below);
    const someMatch = (): FoundMatch => {
      const [one, other] = [random(tickets.length), random(tickets.length - 1)];
      const pair = [tickets[one]!, tickets[other < one ? other : other + 1]!];
      const players = pair.map(({ ticketId, members: [member] }) => ({ ...member!, ticketId, side: 0 }));
      return { matchId: randomUUID(), mode: "dungeon", players };
    };
    const attempts = others.map((other) => ({ other, matches: Array.from({ length: 100 }, someMatch) }));
    await Promise.all(attempts.map(({ other, matches }) => other.queues.claim(matches)));
    const all = attempts.flatMap(({ matches }) => matches);
    const begun: FoundMatch[] = [];
    for (const match of all) if (await others[0]!.queues.find(match.matchId)) begun.push(match);
    const taken = begun.flatMap(({ players }) => players.map(({ ticketId }) => ticketId));
    assert.ok(begun.length > 0);
    assert.equal(new Set(taken).size, taken.length);
    const left = await others[0]!.queues.waiting("dungeon");
    assert.deepEqual([...left, ...taken].sort(), tickets.map(({ ticketId }) => ticketId).sort());
    for (const { userId } of users) await others[0]!.queues.leave(userId);
  });

  await t.test("while Redis doesn't answer, calls say so; then streams go on, and so does the queue", async (t) => {
    const [ada, bob] = [join(t), join(t)];
    await ada.client.joinQueue({ mode: Mode.PVP });
    await ada.stream.until(QueueStatus.WAITING);
    engines.process("redis").kill("SIGSTOP");
    t.after(() => engines.process("redis").kill("SIGCONT"));
    await assertRefused(bob.client.joinQueue({ mode: Mode.PVP }), Code.Unavailable, "dependency_away");
    await assertRefused(bob.client.listLeaderboard({}), Code.Unavailable, "dependency_away");
    engines.process("redis").kill("SIGCONT");
    // What was sent before Redis stopped answering may have arrived all the same.
    await until("Redis answers", () =>
      bob.client.joinQueue({ mode: Mode.PVP }).catch((error) => /already/.test(error.message)),
    );
    const { match } = await ada.stream.until(QueueStatus.READY_CHECK);
    await ada.client.respondReadyCheck({ matchId: match!.matchId, ready: false });
    await bob.client.leaveQueue({});
  });

  await t.test("Redis is killed: who waited waits on, for the same stream and the same queue", async (t) => {
    const ada = join(t);
    await ada.client.joinQueue({ mode: Mode.PVP });
    const before = await ada.stream.until(QueueStatus.WAITING);
    // The append-only file is written once a second.
    await until("the ticket is on disk", async () => Number(before.queueTime!.seconds) * 1_000 + 3_000 < Date.now());
    await engines.process("redis").kill("SIGKILL");
    const bob = join(t);
    await until("Redis is back", () => bob.client.joinQueue({ mode: Mode.PVP }));
    const { ticketId, match } = await ada.stream.until(QueueStatus.READY_CHECK);
    assert.equal(ticketId, before.ticketId);
    await ada.client.respondReadyCheck({ matchId: match!.matchId, ready: false });
    await bob.client.leaveQueue({});
  });

  await t.test("while Postgres is away a match that all are ready for waits, and begins when it is back", async (t) => {
    const { ada, bob, matchId } = await duel(t);
    const postgres = engines.process("postgres").pid!;
    signalTree(postgres, "SIGSTOP");
    t.after(() => signalTree(postgres, "SIGCONT"));
    void ada.client.respondReadyCheck({ matchId, ready: true });
    void bob.client.respondReadyCheck({ matchId, ready: true }).catch(() => undefined);
    await ada.stream.until(QueueStatus.STARTING);
    await assertRefused(ada.client.leaveQueue({}), Code.FailedPrecondition, "match_starting");
    signalTree(postgres, "SIGCONT");
    for (const { stream } of [ada, bob]) await stream.until(QueueStatus.STARTED);
    const { rowCount } = await replica.database.pool.query("select from match_player where match_id = $1", [matchId]);
    assert.equal(rowCount, 2);
  });
});
