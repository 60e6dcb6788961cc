import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { CorrectionReason, type Update } from "#gen/game/world/v1/update_pb.ts";
import { endSession } from "#kit/ended-sessions.ts";
import { sessionEnded } from "../../tests/support/session-ended.ts";
import { createTestStack } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { play } from "../../tests/support/world-game.ts";
import { createWorldView } from "../../tests/support/world-view.ts";
import { type Instance, player, startInstance } from "./test-instance.ts";

/** Rejects with this code and reason. */
async function assertRefused(call: Promise<unknown>, code: Code, reason: string): Promise<ConnectError> {
  const error = await call.then(
    () => assert.fail("not refused"),
    (thrown) => ConnectError.from(thrown),
  );
  assert.equal(Code[error.code], Code[code], error.message);
  assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, reason);
  return error;
}

const steps = (seq: number, ...places: [number, number][]) => ({
  case: "moves" as const,
  value: { steps: places.map(([x, y], i) => ({ seq: seq + i, x, y })) },
});

/** One instance, over real connections and a real Postgres. */
describe("the world", () => {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let world: Instance;
  const ends: (() => unknown)[] = [];
  let url: string;
  before(async () => {
    engines = await createTestStack({ only: ["postgres"] });
    url = engines.databaseUrl("world");
    world = await startInstance({ after: (end) => ends.push(end as () => unknown) }, url);
  });
  after(async () => {
    for (const end of ends) await end();
    await engines.stop();
  });

  test("zones are listed with the one to join, and shown with all that stands in them", async () => {
    const client = world.clientOf(player());
    const { zones, currentZoneId } = await client.listZones({});
    assert.deepEqual([zones.map(({ zoneId }) => zoneId), currentZoneId], [["forest", "meadow", "ruins"], "meadow"]);
    const { zone } = await client.getZone({ zoneId: "meadow" });
    assert.equal(zone?.portals[0]?.toZoneId, "forest");
    assert.ok(zone!.obstacles.length > 0 && zone!.objects.length > 0 && zone!.npcKinds.length > 0);
    await assertRefused(client.getZone({ zoneId: "nowhere" }), Code.NotFound, "zone_unknown");
  });

  test("two players see each other come, walk and go", async () => {
    const [ann, bob] = [player("ann"), player("bob")];
    const view = createWorldView();
    const annGame = await play(world.clientOf(ann), "meadow", "", view.apply.bind(view));
    const first = await annGame.update();
    assert.ok(first.snapshot && first.seq === 1, "it begins with a snapshot");
    const bobGame = await play(world.clientOf(bob), "meadow");
    const bobId = bobGame.joined.entityId;
    const spawned = await annGame.update(({ spawns }) => spawns.some(({ entityId }) => entityId === bobId));
    assert.equal(spawned.spawns.find(({ entityId }) => entityId === bobId)?.who.value, bob.userId);
    const { x, y } = bobGame.joined;
    await until("bob may walk", async () => {
      bobGame.send(steps(++seq, [x + 10, y]));
      const update = await annGame.update(({ moves }) => moves.length > 0);
      return triples(update).some(([id, at]) => id === bobId && at === x + 10);
    });
    bobGame.send({ case: "leave", value: {} });
    await annGame.update(({ despawns }) => despawns.includes(bobId));
    assert.equal(await bobGame.ended, undefined, "leaving ends the stream");
    assert.ok(!view.entities.has(bobId));
    annGame.close();
  });
  let seq = 0;

  test("a player who jumps is put back, and told which steps counted", async () => {
    const game = await play(world.clientOf(player()), "meadow");
    const { x, y } = game.joined;
    game.send(steps(1, [x + 3_000, y]));
    const { correction, ackedSeq } = await game.update((update) => update.correction !== undefined);
    assert.deepEqual([correction!.x, correction!.y, ackedSeq], [x, y, 1]);
    assert.equal(correction!.reason, CorrectionReason.TOO_FAST);
    game.close();
  });

  test("steps out of the world are blocked; numbers that come again or backwards are refused", async () => {
    const game = await play(world.clientOf(player()), "meadow");
    game.send(steps(5, [-1, 0]));
    const { correction } = await game.update((update) => update.correction !== undefined);
    assert.equal(correction?.reason, CorrectionReason.BLOCKED);
    game.send(steps(5, [0, 0]));
    game.send(steps(3, [0, 0]));
    const refused: string[] = [];
    while (refused.length < 2) refused.push(...(await game.update()).refusals.map((one) => `${one.seq} ${one.reason}`));
    assert.deepEqual(refused, ["5 seq_replayed", "3 seq_replayed"]);
    game.close();
  });

  test("coordinates that are no number can't be said", async () => {
    const headers = { "content-type": "application/json", "x-user-id": player().userId };
    const { port } = world.server.address;
    for (const x of ['"NaN"', '"Infinity"', "1e99", "0.5"]) {
      const body = `{"zoneId":"meadow","steps":[{"seq":1,"x":${x},"y":0}]}`;
      const { status, text } = await postH2c(port, "/game.world.v1.WorldService/Move", headers, body);
      assert.equal(status, 400, text);
    }
  });

  test("a browser watches by one stream and moves by calls", async () => {
    const ann = player();
    const client = world.clientOf(ann);
    await assertRefused(
      client.move({ zoneId: "meadow", steps: [{ seq: 1, x: 0, y: 0 }] }),
      Code.FailedPrecondition,
      "not_joined",
    );
    const ending = new AbortController();
    const events = client.watch({ join: { zoneId: "meadow" } }, { signal: ending.signal })[Symbol.asyncIterator]();
    const { event } = (await events.next()).value!;
    assert.equal(event.case, "joined");
    const { x, y } = event.value as { x: number; y: number };
    let number = 0;
    const moved = await until("a step is taken", async () => {
      const answer = await client.move({ zoneId: "meadow", steps: [{ seq: ++number, x: x + 5, y }] });
      return answer.correction === 0 && answer;
    });
    assert.deepEqual([moved.x, moved.y, moved.ackedSeq], [x + 5, y, number]);
    const replayed = await client.move({ zoneId: "meadow", steps: [{ seq: number, x, y }] });
    assert.deepEqual([replayed.x, replayed.ackedSeq], [x + 5, number], "a number that comes again moves nobody");
    await client.leave({ zoneId: "meadow" });
    await assertRefused(client.leave({ zoneId: "meadow" }), Code.FailedPrecondition, "not_joined");
    ending.abort();
  });

  test("the dead neither walk nor act, and get up at a spawn point in a new life", async () => {
    const ann = player();
    const game = await play(world.clientOf(ann), "meadow");
    const kill = { zoneId: "meadow", id: ann.userId, alive: false, life: 1 };
    const { vitals } = await world.feed.setVitals(kill);
    assert.deepEqual([vitals?.dead, vitals?.life], [true, 1]);
    game.send(steps(1, [game.joined.x, game.joined.y]));
    const { correction } = await game.update((update) => update.correction !== undefined);
    assert.equal(correction?.reason, CorrectionReason.DEAD);
    await world.feed.setVitals({ ...kill, alive: true, respawn: true });
    const up = await game.update((update) => update.vitals.some(({ life, dead }) => life === 2 && !dead));
    assert.ok(up);
    const again = await world.feed.setVitals(kill);
    assert.deepEqual(
      [again.vitals?.dead, again.vitals?.life],
      [false, 2],
      "a late word of the first death changes nothing",
    );
    await assertRefused(world.feed.setVitals({ ...kill, id: "nobody" }), Code.NotFound, "entity_unknown");
    game.close();
  });

  test("the feed shows everybody in a zone with who they are, and NPCs come back from death", async () => {
    const ann = player();
    const game = await play(world.clientOf(ann), "meadow");
    const ending = new AbortController();
    const view = createWorldView();
    const reading = (async () => {
      for await (const news of world.feed.watchZone({ zoneId: "meadow" }, { signal: ending.signal })) view.apply(news);
    })().catch(() => undefined);
    const find = (key: string) => [...view.entities.values()].find(({ who }) => who.value === key);
    await until("ann is shown", async () => find(ann.userId) !== undefined);
    const boar = [...view.entities.values()].find(({ npcKind }) => npcKind === "boar")!;
    assert.match(boar.who.value!, /^meadow\.boar\.\d+$/);
    await world.feed.setVitals({ zoneId: "meadow", id: boar.who.value!, alive: false, life: boar.life });
    await until("it is dead", async () => find(boar.who.value!)?.dead);
    await until("it lives again", async () => find(boar.who.value!)?.life === 2, 60_000);
    ending.abort();
    await reading;
    game.close();
  });

  test("a stream that breaks is resumed: the player never left, and the numbers count on", async () => {
    const [ann, bob] = [player("ann"), player("bob")];
    const client = world.clientOf(ann);
    const game = await play(client, "meadow");
    const { x, y, resumeToken, entityId } = game.joined;
    game.send(steps(7, [x, y]));
    const { seq: told } = await game.update(({ ackedSeq }) => ackedSeq === 7);
    game.close();
    await game.ended;
    const other = await play(world.clientOf(bob), "meadow");
    const resumed = await play(client, "meadow", resumeToken);
    assert.deepEqual([resumed.joined.resumed, resumed.joined.ackedSeq, resumed.joined.entityId], [true, 7, entityId]);
    const update = await resumed.update();
    assert.ok(update.snapshot && update.seq > told);
    const begun = await play(client, "meadow", "forgotten");
    assert.deepEqual([begun.joined.resumed, begun.joined.ackedSeq], [false, 0]);
    await assertRefused(
      resumed.ended.then((error) => Promise.reject(error)),
      Code.Aborted,
      "joined_again",
    );
    for (const one of [other, begun]) one.close();
  });

  test("who stays away longer than the grace time is gone, and comes back to where they were", async (t) => {
    const short = await startInstance(t, url, {
      instance: "world", // its own again, under another fence
      limits: { graceMs: 200, patienceMs: 1_000, maxPlayers: 100 },
      maps: world.hosting.maps.values().toArray(),
    });
    t.after(async () => {
      await short.stop();
    });
    const ann = player();
    const game = await play(short.clientOf(ann), "meadow");
    const { x, y } = game.joined;
    let number = 0;
    await until("a step is taken", async () => {
      game.send(steps(++number, [x + 20, y]));
      const update = await game.update(({ ackedSeq }) => ackedSeq === number);
      return !update.correction;
    });
    game.close();
    const host = () => short.hosting.hosted.get("meadow")!.host;
    await until("ann is gone", async () => !host().sessions.has(ann.userId));
    await until("and saved", async () => !host().departed.has(ann.userId));
    const again = await play(short.clientOf(ann), "meadow", game.joined.resumeToken);
    assert.deepEqual([again.joined.resumed, again.joined.x, again.joined.y], [false, x + 20, y]);
    again.close();
  });

  test("a token that ends during a stream ends it with UNAUTHENTICATED, and a new one goes on", async () => {
    const ann = { ...player(), expires: Date.now() / 1_000 + 1.5 };
    const game = await play(world.clientOf(ann), "meadow");
    await assertRefused(
      game.ended.then((error) => Promise.reject(error)),
      Code.Unauthenticated,
      "token_expired",
    );
    await assertRefused(play(world.clientOf(ann), "meadow"), Code.Unauthenticated, "token_expired");
    const again = await play(
      world.clientOf({ ...ann, expires: Date.now() / 1_000 + 900 }),
      "meadow",
      game.joined.resumeToken,
    );
    assert.ok(again.joined.resumed);
    again.close();
  });

  test("a session that ended ends its stream, and joins nothing more", async () => {
    const ann = player();
    const game = await play(world.clientOf(ann), "meadow");
    const event = sessionEnded(ann.userId, ann.sessionId, 900_000);
    await world.database.transaction((client) => endSession(event, client));
    await assertRefused(
      game.ended.then((error) => Promise.reject(error)),
      Code.Unauthenticated,
      "token_expired",
    );
    await assertRefused(play(world.clientOf(ann), "meadow"), Code.Unauthenticated, "session_ended");
  });

  test("a stream that floods is refused, and ends when it goes on", async () => {
    const game = await play(world.clientOf(player()), "meadow");
    const { x, y } = game.joined;
    for (let i = 0; i < 30; i++)
      game.send(steps(1 + 32 * i, ...Array.from({ length: 32 }, (): [number, number] => [x, y])));
    await assertRefused(
      game.ended.then((error) => Promise.reject(error)),
      Code.ResourceExhausted,
      "moves_flooded",
    );
  });

  test("the first message has to join, and only the first", async () => {
    const bad = async function* () {
      yield { action: { case: "leave" as const, value: {} } };
    };
    const [event] = [world.clientOf(player()).play(bad())[Symbol.asyncIterator]().next()];
    await assertRefused(event!, Code.InvalidArgument, "join_expected");
    const game = await play(world.clientOf(player()), "meadow");
    game.send({ case: "join", value: { zoneId: "meadow" } });
    await assertRefused(
      game.ended.then((error) => Promise.reject(error)),
      Code.InvalidArgument,
      "join_expected",
    );
  });

  test("what breaks a rule of the schema is refused, however it comes", async () => {
    const tooMany = Array.from({ length: 33 }, (): [number, number] => [0, 0]);
    for (const action of [
      steps(1, ...tooMany),
      steps(1),
      { case: "interact" as const, value: { seq: 1, objectId: "" } },
      { case: undefined },
    ]) {
      const game = await play(world.clientOf(player()), "meadow");
      game.send(action);
      const error = ConnectError.from(await game.ended);
      assert.equal(Code[error.code], "InvalidArgument");
    }
    const many = world.clientOf(player()).move({ zoneId: "meadow", steps: steps(1, ...tooMany).value.steps });
    await assert.rejects(many, { code: Code.InvalidArgument });
  });

  test("nobody joins a zone that they are not in, or by a header that says another", async () => {
    const ann = player();
    const error = await assertRefused(play(world.clientOf(ann), "forest"), Code.FailedPrecondition, "zone_elsewhere");
    assert.equal(error.metadata.get("x-zone-id"), "meadow");
    const wrong = world.clientOf(ann, { "x-zone-id": "forest" });
    await assertRefused(play(wrong, "meadow"), Code.InvalidArgument, "zone_header_differs");
  });

  test("a door is opened from near and not from far, and stands open for whoever comes later", async () => {
    const ann = player();
    await world.database.pool.query(
      "insert into player_position (user_id, zone_id, x, y, life, dead) values ($1, 'meadow', 5800, 3900, 1, false)",
      [ann.userId],
    );
    const client = world.clientOf(ann);
    const game = await play(client, "meadow");
    assert.deepEqual([game.joined.x, game.joined.y], [5_800, 3_900]);
    game.send({ case: "interact", value: { seq: 1, objectId: "farm-chest" } });
    const far = await game.update(({ refusals }) => refusals.length > 0);
    assert.equal(far.refusals[0]?.reason, "out_of_reach");
    const { object } = await client.interact({ zoneId: "meadow", interaction: { seq: 2, objectId: "farm-gate" } });
    assert.deepEqual([object?.objectId, object?.open], ["farm-gate", true]);
    await game.update(({ objects }) => objects.some(({ objectId, open }) => objectId === "farm-gate" && open));
    const later = await play(world.clientOf(player()), "meadow");
    const { objects } = await later.update();
    assert.ok(objects.find(({ objectId }) => objectId === "farm-gate")?.open);
    for (const one of [game, later]) one.close();
  });

  test("a portal takes a player to another zone, and nobody back to the first without one", async () => {
    const ann = player();
    await world.database.pool.query(
      "insert into player_position (user_id, zone_id, x, y, life, dead) values ($1, 'meadow', 11650, 4000, 1, false)",
      [ann.userId],
    );
    const client = world.clientOf(ann);
    const game = await play(client, "meadow");
    game.send({ case: "usePortal", value: { seq: 1, portalId: "to-forest" } });
    assert.equal((await game.transfer()).zoneId, "forest");
    assert.equal(await game.ended, undefined);
    await assertRefused(play(client, "meadow"), Code.FailedPrecondition, "zone_elsewhere");
    const there = await play(client, "forest");
    assert.deepEqual([there.joined.x, there.joined.y], [500, 5_000]);
    assert.equal((await client.listZones({})).currentZoneId, "forest");
    await until("the entry is told", async () => {
      const { rows } = await world.database.pool.query(
        "select payload from outbox where type = 'zone_entered' and key = $1",
        [ann.userId],
      );
      return rows.length > 0;
    }).catch(() => undefined); // the relay may have had it already
    there.close();
  });

  test("an instance that stops saves where everybody is, and another one goes on from there", async (t) => {
    const first = await startInstance(t, url, { instance: "first", maps: renamed(world, "stopping") });
    const ann = player();
    const game = await play(first.clientOf(ann), "stopping");
    const { x, y } = game.joined;
    let number = 0;
    await until("a step is taken", async () => {
      game.send(steps(++number, [x + 30, y]));
      return !(await game.update(({ ackedSeq }) => ackedSeq === number)).correction;
    });
    await first.stop();
    const second = await startInstance(t, url, { instance: "second", maps: renamed(world, "stopping") });
    const again = await play(second.clientOf(ann), "stopping");
    assert.deepEqual([again.joined.x, again.joined.y], [x + 30, y]);
    again.close();
  });
});

/** The start zone alone, under another name. */
const renamed = (world: Instance, id: string) => [{ ...world.hosting.maps.get("meadow")!, id, portals: [] }];

const triples = ({ moves }: Update): [number, number, number][] =>
  Array.from({ length: moves.length / 3 }, (_, i) => [moves[3 * i]!, moves[3 * i + 1]!, moves[3 * i + 2]!]);

async function postH2c(port: number, path: string, headers: Record<string, string>, body: string) {
  const { connect } = await import("node:http2");
  const session = connect(`http://127.0.0.1:${port}`);
  const request = session.request({ ":method": "POST", ":path": path, ...headers });
  request.end(body);
  let text = "";
  const status = await new Promise<number>((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (answer) => resolve(Number(answer[":status"])));
  });
  for await (const chunk of request) text += chunk;
  session.close();
  return { status, text };
}
