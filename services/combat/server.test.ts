import assert from "node:assert/strict";
import http2 from "node:http2";
import { type TestContext, test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { CombatService, WatchCombatRequestSchema } from "#gen/game/combat/v1/combat_service_pb.ts";
import { createLog } from "#kit/log.ts";
import { startServer } from "#kit/serve.ts";
import { until } from "../../tests/support/until.ts";
import { createCombatService } from "./combat.ts";
import { assertRefused, castOf, openFight, type Scene, startScene } from "./test-combat.ts";

/** Streams over real connections. */
interface EndedSpan {
  name: string;
  attributes: Record<string, unknown>;
  events: { name: string; attributes?: Record<string, unknown> }[];
}
const ended: EndedSpan[] = [];
const collect = {
  onStart: () => undefined,
  onEnd: (span: unknown) => void ended.push(span as EndedSpan),
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

async function serve(t: TestContext, { combat }: Scene) {
  const log = createLog("combat");
  log.level = "silent";
  const server = await startServer({
    name: "combat",
    listen: { host: "127.0.0.1", port: 0 },
    log,
    services: [CombatService],
    routes: (router) => router.service(CombatService, createCombatService(combat)),
    probes: {},
    started: combat.started,
  });
  t.after(() => server.stop(0));
  const baseUrl = `http://127.0.0.1:${server.address.port}`;
  const clientOf = (userId: string) =>
    createClient(
      CombatService,
      createConnectTransport({
        baseUrl,
        httpVersion: "2",
        interceptors: [
          (next) => (request) => {
            request.header.set("x-user-id", userId);
            request.header.set("x-zone-id", "meadow");
            return next(request);
          },
        ],
      }),
    );
  return { server, baseUrl, clientOf };
}

test("a stream is one span, with one cast in fifty as an event on it, and ends with UNAVAILABLE when the server stops", async (t) => {
  const sdk = new NodeSDK({ spanProcessors: [collect], instrumentations: [] });
  sdk.start();
  t.after(() => sdk.shutdown());
  const scene = await startScene(t);
  const { server, clientOf } = await serve(t, scene);
  const ann = await scene.player(0, 0);
  const doll = await scene.npc("dummy", 300, 0);
  const fight = await openFight(clientOf(ann.id));
  let answers = 0;
  for (let i = 1; i <= 120; i++) fight.send(castOf(i, "hit", doll));
  await fight.find("all answers", ({ results }) => {
    answers += results.length;
    return answers === 120 || undefined;
  });
  const stopped = server.stop();
  await assertRefused(
    fight.find("the end", () => undefined),
    Code.Unavailable,
  );
  fight.close();
  await stopped;
  const span = await until("the span has ended", async () => ended.find(({ name }) => name.endsWith("/Fight")));
  assert.deepEqual(
    span.events.map(({ name, attributes }) => [name, attributes?.["game.combat.casts"]]),
    [
      ["cast", 1],
      ["cast", 51],
      ["cast", 101],
    ],
  );
  assert.equal(ended.filter(({ name }) => name.endsWith("/Fight")).length, 1);
});

test("a client that doesn't read keeps no more than its letter box, slows nobody, and is forgotten when it goes", async (t) => {
  const scene = await startScene(t);
  const { baseUrl } = await serve(t, scene);
  const [ann, deaf] = [await scene.player(0, 0), await scene.player(10, 0)];
  const doll = await scene.npc("dummy", 300, 0);
  const session = http2.connect(baseUrl);
  t.after(() => session.destroy());
  const request = session.request({
    ":method": "POST",
    ":path": "/game.combat.v1.CombatService/WatchCombat",
    "content-type": "application/connect+proto",
    "x-user-id": deaf.id,
    "x-zone-id": "meadow",
  });
  request.on("error", () => undefined);
  const body = toBinary(WatchCombatRequestSchema, { $typeName: "game.combat.v1.WatchCombatRequest" });
  request.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
  const arena = scene.combat.arenas.open.get("meadow")!;
  await until("it listens", async () => arena.audience.listeners.size === 1);
  const [listener] = arena.audience.listeners;
  for (let i = 0; i < 10_000; i++) arena.carryOut({ type: "aura", id: doll, aura: "weak", source: ann.id });
  assert.ok(listener);
  assert.equal(arena.audience.listeners.size, 1, "it is still there");
  await ann.client.castSkill(castOf(1, "hit", doll));
  request.close(http2.constants.NGHTTP2_CANCEL);
  await until("it is forgotten", async () => arena.audience.listeners.size === 0);
});
