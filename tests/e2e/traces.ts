import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { CombatService } from "#gen/game/combat/v1/combat_service_pb.ts";
import { MatchService } from "#gen/game/match/v1/match_service_pb.ts";
import { Mode, Role } from "#gen/game/match/v1/queue_state_pb.ts";
import { createEdgeClient } from "../support/clients.ts";
import { joinGame, listen } from "../support/players.ts";
import { assertEdges, beginTrace, type Edge } from "../support/trace-edges.ts";
import { until } from "../support/until.ts";
import { nearest, walkTo } from "../support/wanderer.ts";
import { joinWorld } from "../support/world-player.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** A login. */
const login: Edge[] = [
  [/^edge/, /^auth\.game /],
  [/^auth\.game /, /^auth game\.auth\.v1\.AuthService\/Authenticate$/],
  [/^auth game\.auth\.v1\.AuthService\/Authenticate$/, /^auth pg\.query/],
  [/^auth game\.auth\.v1\.AuthService\/Authenticate$/, /^auth (redis-)?(multi|set|eval|evalsha|hset)/i],
  [/^auth game\.auth\.v1\.AuthService\/Authenticate$/, /^auth send game-events$/],
  [/^auth send game-events$/, /^account process player_login$/],
  [/^account process player_login$/, /^account pg\.query:INSERT/],
];

/** A message: to the store, to the other replica, and on to Kafka. */
const message: Edge[] = [
  [/^edge\.game /, /^chat\.game /],
  [/^chat\.game /, /^chat game\.chat\.v1\.ChatService\/SendMessage$/],
  [/^chat game\.chat\.v1\.ChatService\/SendMessage$/, /^chat store chat messages$/],
  [/^chat store chat messages$/, /^chat pg\.query:append/],
  [/^chat store chat messages$/, /^chat publish$/],
  [/^chat game\.chat\.v1\.ChatService\/SendMessage$/, /^chat deliver chat message$/],
  [/^chat game\.chat\.v1\.ChatService\/SendMessage$/, /^chat send chat-events$/],
];

/** A whisper asks account whether the other player exists: from sidecar to sidecar. */
const whisper: Edge[] = [
  [/^chat game\.chat\.v1\.ChatService\/SendMessage$/, /^chat game\.account\.v1\.AccountService\/GetUserProfile$/],
  [/^chat game\.account\.v1\.AccountService\/GetUserProfile$/, /^chat\.game /],
  [/^chat\.game /, /^account\.game /],
  [/^account\.game /, /^account game\.account\.v1\.AccountService\/GetUserProfile$/],
  [/^account game\.account\.v1\.AccountService\/GetUserProfile$/, /^account pg\.query:SELECT/],
];

/** A blow: to combat, and on to Kafka. */
const blow: Edge[] = [
  [/^edge\.game /, /^combat\.game /],
  [/^combat\.game /, /^combat game\.combat\.v1\.CombatService\/CastSkill$/],
  [/^combat game\.combat\.v1\.CombatService\/CastSkill$/, /^combat send game-events$/],
];

/** A place in a queue, by a script of Redis. */
const queueing: Edge[] = [
  [/^edge\.game /, /^match\.game /],
  [/^match\.game /, /^match game\.match\.v1\.MatchService\/JoinQueue$/],
  [/^match game\.match\.v1\.MatchService\/JoinQueue$/, /^match eval(sha)?$/],
];

/** Every hop of a call is in one trace. */
export function traces(platform: Platform): void {
  const jaeger = () => `http://127.${platform().network}.0.1:16686`;

  describe("traces", () => {
    test("a login, from the edge to the consumer of its event", async () => {
      const ada = await joinGame(edgeOf(platform));
      const { traceId, headers } = beginTrace();
      const auth = createEdgeClient(AuthService, edgeOf(platform), { headers });
      await auth.authenticate({ username: ada.username, password: ada.password });
      const spans = await assertEdges(jaeger(), traceId, login);
      const told = JSON.stringify(spans);
      assert.ok(!told.includes(ada.password) && !told.includes("$argon2id"), "no span tells a secret");
    });

    test("a message, from the edge to a listener on another replica", async () => {
      const ada = await joinGame(edgeOf(platform));
      const listeners = await Promise.all(Array.from({ length: 4 }, () => joinGame(edgeOf(platform))));
      const channel = `zone/${ada.username}`;
      const streams = listeners.map((player) => listen(player, [{ channel }]));
      await Promise.all(streams.map(({ subscribed }) => subscribed));
      const { traceId, headers } = beginTrace();
      const chat = createEdgeClient(ChatService, edgeOf(platform), { headers, token: ada.accessToken });
      await chat.sendMessage({ channel, text: "follow me" });
      const spans = await assertEdges(jaeger(), traceId, message);
      const instances = new Set(
        spans.filter(({ service }) => service === "chat").map(({ tags }) => tags["service.instance.id"]),
      );
      assert.ok(instances.size >= 1);
      await Promise.all(streams.map((stream) => stream.close()));
    });

    test("a blow, from the edge to Kafka", async () => {
      const edge = edgeOf(platform);
      const { accessToken } = await joinGame(edge);
      const world = await joinWorld(edge, { token: accessToken });
      await walkTo(world, 3_700, 4_000);
      let sequence = 0n;
      const traceId = await until(
        "a boar is hit",
        async () => {
          const boar = nearest(world, "boar");
          if (!boar) return false;
          const { traceId, headers } = beginTrace();
          const zone = { "x-zone-id": "meadow" };
          const combat = createEdgeClient(CombatService, edge, {
            headers: { ...headers, ...zone },
            token: accessToken,
          });
          const cast = { sequence: ++sequence, skillId: "smite", targetId: boar.who.value! };
          const { effects } = await combat.castSkill({ cast });
          return effects.some(({ fact }) => fact.case === "damage") && traceId;
        },
        60_000,
      );
      await assertEdges(jaeger(), traceId, blow);
      world.close();
    });

    test("a place in a queue, from the edge to Redis", async () => {
      const { accessToken } = await joinGame(edgeOf(platform));
      const { traceId, headers } = beginTrace();
      const match = createEdgeClient(MatchService, edgeOf(platform), { headers, token: accessToken });
      await match.joinQueue({ mode: Mode.DUNGEON, roles: [Role.HEALER] });
      await assertEdges(jaeger(), traceId, queueing);
      await match.leaveQueue({});
    });

    test("a whisper, by chat's sidecar and account's", async () => {
      const [ada, bob] = [await joinGame(edgeOf(platform)), await joinGame(edgeOf(platform))];
      const { traceId, headers } = beginTrace();
      const chat = createEdgeClient(ChatService, edgeOf(platform), { headers, token: ada.accessToken });
      await chat.sendMessage({ channel: `whisper/${bob.userId}`, text: "follow me" });
      await assertEdges(jaeger(), traceId, whisper);
    });
  });
}
