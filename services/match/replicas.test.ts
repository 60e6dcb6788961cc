import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { MatchService } from "#gen/game/match/v1/match_service_pb.ts";
import { Mode, QueueStatus, Role } from "#gen/game/match/v1/queue_state_pb.ts";
import { pause } from "#kit/pause.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { type Player, player } from "./test-replica.ts";

/** A process of the service, as the platform starts it. */
interface Process {
  url: string;
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  start(): void;
}

function createProcess(t: TestContext, instance: string, host: string, port: number, env: NodeJS.ProcessEnv): Process {
  const url = `http://${host}:${port}`;
  const run = () =>
    spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
      env: { ...process.env, ...env, SERVICE_INSTANCE: instance, LISTEN: `${host}:${port}`, LOG_LEVEL: "warn" },
      stdio: "ignore",
    });
  let child = run();
  t.after(() => child.kill("SIGKILL"));
  return {
    url,
    signal: (signal) => void child.kill(signal),
    async kill() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
    start() {
      child = run();
    },
  };
}

/** Somebody who knows all replicas and calls another when one fails, as a game does through the edge. */
function createPlayer(urls: string[], one: Player) {
  const identify = { "x-user-id": one.userId, "x-user-name": one.username, "x-session-id": one.sessionId };
  const clients = urls.map((baseUrl) =>
    createClient(
      MatchService,
      createConnectTransport({
        baseUrl,
        httpVersion: "2",
        interceptors: [
          (next) => (request) => {
            for (const [name, value] of Object.entries(identify)) request.header.set(name, value);
            return next(request);
          },
        ],
      }),
    ),
  );
  let turn = Math.floor(Math.random() * clients.length);
  const call = <T>(what: string, make: (client: Client<typeof MatchService>) => Promise<T>) =>
    until(what, () => make(clients[turn++ % clients.length]!), 180_000);

  /** Gets ready whenever asked to, and returns the matches that started. */
  async function play(signal: AbortSignal): Promise<string> {
    for (;;) {
      try {
        for await (const { event } of clients[turn++ % clients.length]!.watchQueue({}, { signal })) {
          if (event.case !== "state") continue;
          const { status, match } = event.value;
          if (status === QueueStatus.STARTED) return match!.matchId;
          if (status !== QueueStatus.READY_CHECK || match!.ready) continue;
          // Should the answer be lost with a replica, the state that is read again tells.
          const answer = { matchId: match!.matchId, ready: true };
          await clients[turn++ % clients.length]!.respondReadyCheck(answer, { timeoutMs: 10_000 });
        }
      } catch {
        signal.throwIfAborted();
        await pause(50, signal);
      }
    }
  }
  return { ...one, call, play };
}

test("replicas that are killed and that sleep strand nobody, and nobody gets two matches", async (t) => {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const env = {
    DATABASE_URL: engines.databaseUrl("match"),
    REDIS_URL: engines.redisUrl("match"),
    // There is no Kafka: the service lives without.
    KAFKA_BROKERS: `127.${engines.network}.0.1:19092`,
    MATCH_ROUND_MS: "50",
    MATCH_READY_MS: "120000",
    MATCH_CHECK_MS: "500",
  };
  const host = `127.${engines.network}.0.1`;
  const replicas = ["match-1", "match-2"].map((name, i) => createProcess(t, name, host, 9_300 + i, env));
  const urls = replicas.map(({ url }) => url);
  const ready = ({ url }: Process) =>
    createPlayer([url], player("first")).call("is ready", (client) => client.getRating({}));
  await Promise.all(replicas.map(ready));
  const players = Array.from({ length: 60 }, (_, i) => createPlayer(urls, player(`p${i}`)));
  const ending = new AbortController();
  t.after(() => ending.abort());

  const [duelists, dungeoneers] = [players.slice(0, 20), players.slice(20)];
  const join = (one: (typeof players)[number], roles: Role[]) =>
    one.call("joins", async (client) => {
      const mode = roles.length > 0 ? Mode.DUNGEON : Mode.PVP;
      // A call whose answer was lost has put them into the queue.
      await client.joinQueue({ mode, roles }, { timeoutMs: 10_000 }).catch((error) => {
        if (!/already/.test(error.message)) throw error;
      });
      return true;
    });
  const roleOf = (i: number) => [[Role.TANK], [Role.HEALER], [Role.DAMAGE], [Role.DAMAGE], [Role.DAMAGE]][i % 5]!;

  const playing = Promise.all(
    players.map(async (one) => {
      const i = players.indexOf(one);
      await join(one, i < duelists.length ? [] : roleOf(i));
      return one.play(ending.signal);
    }),
  );
  const trouble = (async () => {
    for (const [one, other] of [replicas, replicas.toReversed()] as [Process, Process][]) {
      await pause(200 + Math.random() * 500);
      await one.kill();
      one.start();
      await ready(one);
      // The other falls asleep, perhaps while it leads, and wakes when somebody else does.
      other.signal("SIGSTOP");
      await pause(2_500);
      other.signal("SIGCONT");
    }
  })();

  const matches = await playing;
  await trouble;
  const database = new pg.Client({ connectionString: env.DATABASE_URL });
  await database.connect();
  const { rows } = await database.query<{ user_id: string; match_id: string }>(
    "select user_id, match_id from match_player",
  );
  const { rows: sizes } = await database.query<{ mode: string; n: number; matches: number }>(
    `select mode, n, count(*)::int as matches from
       (select mode, match_id, count(*)::int as n from match join match_player using (match_id) group by 1, 2) s group by 1, 2 order by 1`,
  );
  await database.end();
  assert.equal(rows.length, players.length, "each plays in one match");
  for (const [i, one] of players.entries())
    assert.deepEqual(
      rows.filter(({ user_id }) => user_id === one.userId).map(({ match_id }) => match_id),
      [matches[i]],
    );
  assert.deepEqual(sizes, [
    { mode: "dungeon", n: 5, matches: dungeoneers.length / 5 },
    { mode: "pvp", n: 2, matches: duelists.length / 2 },
  ]);
});
