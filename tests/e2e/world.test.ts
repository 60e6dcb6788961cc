import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import pg from "pg";
import { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import type { Stack } from "../../stack/stack.ts";
import { createEdgeTransport, protocols } from "../support/clients.ts";
import { joinGame, type Player } from "../support/players.ts";
import { createTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { joinWorld, type WorldPlayer } from "../support/world-player.ts";

/** Two instances of the world behind the real edge: players walk, see each other, and go on when an instance dies or stands still. */
describe("the world through the edge", () => {
  let stack: Stack;
  let edge: string;
  before(async () => {
    const only = ["postgres", "redis", "auth", "world", "world-2", "edge"];
    stack = await createTestStack({ only, env: { WORLD_SAVE_MS: "500" } });
    edge = `http://127.${stack.network}.0.1:8080`;
  });
  after(() => stack?.stop());

  const clientOf = ({ accessToken }: Player, headers: Record<string, string> = {}) =>
    createClient(WorldService, createEdgeTransport(edge, { token: accessToken, headers }));

  /** Walks from where the player is, until the world agrees. Steps that a failing connection takes are made again. */
  async function walk(player: WorldPlayer, dx: number, dy: number): Promise<void> {
    const goal = { x: player.x + dx, y: player.y + dy };
    await until(`walks to ${goal.x}, ${goal.y}`, async () => {
      if (player.x === goal.x && player.y === goal.y) return true;
      const reach = 15;
      const towards = (at: number, to: number) => at + Math.max(-reach, Math.min(reach, to - at));
      player.step(towards(player.x, goal.x), towards(player.y, goal.y));
      return false;
    });
  }

  for (const protocol of ["connect", "connect-json", "grpc"] as const)
    test(`two players meet by Play over ${protocol}`, async () => {
      const [ann, bob] = await Promise.all([joinGame(edge), joinGame(edge)]);
      const a = await joinWorld(edge, { token: ann.accessToken, protocol });
      const b = await joinWorld(edge, { token: bob.accessToken });
      const bobSeen = () => [...a.view.entities.values()].find(({ who }) => who.value === bob.userId);
      await until("ann sees bob", async () => bobSeen());
      await walk(b, 60, 40);
      await until("ann sees where bob is", async () => bobSeen()?.x === b.x && bobSeen()?.y === b.y);
      await b.leave();
      await until("bob is gone", async () => !bobSeen());
      a.close();
    });

  for (const protocol of protocols)
    test(`a player watches and moves by calls over ${protocol}`, async () => {
      const ann = await joinGame(edge);
      const headers = { "x-zone-id": "meadow" };
      const { instance } = await whoOwns(ann);
      const client = createClient(
        WorldService,
        createEdgeTransport(edge, {
          token: ann.accessToken,
          protocol,
          headers: { ...headers, "x-world-instance": instance },
        }),
      );
      const ending = new AbortController();
      const events = client.watch({ join: { zoneId: "meadow" } }, { signal: ending.signal })[Symbol.asyncIterator]();
      const { event } = (await events.next()).value!;
      assert.equal(event.case, "joined");
      const { x, y } = event.value as { x: number; y: number };
      let seq = 0;
      await until("a step is taken", async () => {
        const { correction } = await client.move({ zoneId: "meadow", steps: [{ seq: ++seq, x: x + 3, y }] });
        return correction === 0;
      });
      await until("and seen", async () => {
        const next = (await events.next()).value!.event;
        // In the snapshot, when the step was taken before the first tick.
        const places =
          next.case === "update" ? [...next.value.moves, ...next.value.spawns.map(({ x }: { x: number }) => x)] : [];
        return places.includes(x + 3);
      });
      await client.leave({ zoneId: "meadow" });
      ending.abort();
    });

  /** The instance that owns the meadow, as a player learns it. */
  async function whoOwns(player: Player): Promise<{ instance: string }> {
    const joined = await joinWorld(edge, { token: player.accessToken });
    const { instance } = joined;
    await joined.leave();
    return { instance };
  }

  test("an instance that does not own the zone says who does, and a call with that name gets there", async () => {
    const ann = await joinGame(edge);
    const { instance } = await whoOwns(ann);
    const other = instance === "world" ? "world-2" : "world";
    const call = clientOf(ann, { "x-zone-id": "meadow", "x-world-instance": other }).leave({ zoneId: "meadow" });
    const error = await call.then(
      () => assert.fail("not refused"),
      (thrown) => ConnectError.from(thrown),
    );
    assert.equal(error.code, Code.FailedPrecondition);
    assert.equal(error.metadata.get("x-world-instance"), instance);
  });

  test("without a token nobody gets in, and nobody's own headers are believed", async () => {
    const client = createClient(
      WorldService,
      createEdgeTransport(edge, { headers: { "x-user-id": "00000000-0000-4000-8000-000000000000" } }),
    );
    await assert.rejects(client.listZones({}), { code: Code.Unauthenticated });
  });

  /** Players who walk while something happens to the owner of their zone. */
  async function survive(harm: (owner: string) => () => void | Promise<void>): Promise<void> {
    const people = await Promise.all([joinGame(edge), joinGame(edge)]);
    const [a, b] = await Promise.all(people.map(({ accessToken }) => joinWorld(edge, { token: accessToken })));
    await walk(a!, 45, 30);
    await until("it is saved", async () => (await positionOf(people[0]!.userId))?.x === a!.x);
    const [before, place] = [a!.instance, { x: a!.x, y: a!.y }];
    const mend = harm(before);
    const start = Date.now();
    try {
      await until(
        "both go on at the other instance",
        async () => a!.instance !== before && b!.instance !== before && a!.view.tick > 0,
      );
      console.log(`      the zone moved and its players went on after ${((Date.now() - start) / 1_000).toFixed(1)} s`);
      assert.deepEqual({ x: a!.x, y: a!.y }, place, "where they were");
      await walk(a!, -15, 0);
      const seen = () => [...b!.view.entities.values()].find(({ who }) => who.value === people[0]!.userId);
      await until("they see each other", async () => seen()?.x === a!.x);
    } finally {
      await mend();
    }
    await until("no two instances have the zone", async () => (await owners("meadow")).length === 1);
    const joins = a!.joins;
    await walk(a!, 15, 0);
    assert.equal(a!.joins, joins, "the one that came back disturbs nobody");
    for (const one of [a!, b!]) one.close();
  }

  test("an instance is killed: its zone moves within seconds, and its players go on where they were", () =>
    survive((owner) => {
      stack.process(owner).kill("SIGKILL");
      // Nobody starts it again meanwhile.
      const stopped = stack.process(owner).stop();
      return async () => {
        await stopped;
        await stack.process(owner).start();
        await stack.waitReady();
      };
    }));

  test("an instance stands still: its zone moves within seconds, and when it wakes it writes nothing", () =>
    survive((owner) => {
      const { pid } = stack.process(owner);
      process.kill(pid!, "SIGSTOP");
      return () => void process.kill(pid!, "SIGCONT");
    }));

  test("while Postgres is away those in the world play on, and nothing that was saved is lost", async () => {
    const ann = await joinGame(edge);
    const a = await joinWorld(edge, { token: ann.accessToken });
    await walk(a, 30, 0);
    await until("it is saved", async () => (await positionOf(ann.userId))?.x === a.x);
    stack.process("postgres").kill("SIGKILL");
    const joins = a.joins;
    await walk(a, 30, 15);
    assert.equal(a.joins, joins);
    await stack.process("postgres").waitReady(120_000);
    await until("the way since is saved", async () => (await positionOf(ann.userId))?.x === a.x, 60_000);
    a.close();
  });

  async function query<T extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<T[]> {
    const client = new pg.Client(stack.databaseUrl("world"));
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  const positionOf = async (userId: string) =>
    (await query<{ x: number; y: number }>("select x, y from player_position where user_id = $1", [userId]))[0];

  /** The instances that say of themselves that they own a zone. */
  async function owners(zone: string): Promise<string[]> {
    const found: string[] = [];
    for (const name of ["world", "world-2"]) {
      const text = await metricsOf(name);
      const owned = new RegExp(`^game_world_zone_owned\\{[^}]*game_world_zone="${zone}"[^}]*\\} 1$`, "m");
      if (owned.test(text)) found.push(name);
    }
    return found;
  }

  async function metricsOf(name: string): Promise<string> {
    const { connect } = await import("node:http2");
    const index = name === "world" ? 9 : 10;
    const session = connect(`http://127.${stack.network}.0.1:${9100 + index}`);
    const request = session.request({ ":path": "/metrics" });
    let text = "";
    try {
      for await (const chunk of request) text += chunk;
    } finally {
      session.close();
    }
    return text;
  }
});
