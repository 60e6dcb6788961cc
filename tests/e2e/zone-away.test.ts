import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectError, createClient } from "@connectrpc/connect";
import { CombatService } from "#gen/game/combat/v1/combat_service_pb.ts";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { createEdgeTransport } from "../support/clients.ts";
import { joinGame } from "../support/players.ts";
import { startTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

test("while the world is away combat says so itself, to everybody: no mesh takes out an instance that is well", async (t) => {
  const stack = await startTestStack(t, { only: ["postgres", "redis", "auth", "combat", "edge"] });
  const edge = `http://127.${stack.network}.0.1:8080`;
  const { accessToken: token } = await joinGame(edge);
  for (const protocol of ["connect", "grpc"] as const) {
    const transport = createEdgeTransport(edge, { token, protocol, headers: { "x-zone-id": "meadow" } });
    const combat = createClient(CombatService, transport);
    let sequence = 0n;
    /** Why a cast is refused. */
    const cast = () =>
      combat.castSkill({ cast: { sequence: ++sequence, skillId: "smite", targetId: "meadow.boar.1" } }).then(
        () => "it is taken",
        (thrown) => {
          const error = ConnectError.from(thrown);
          return error.findDetails(ErrorInfoSchema)[0]?.reason ?? error.message;
        },
      );
    await until("combat answers", async () => (await cast()) === "zone_away");
    for (let i = 0; i < 12; i++) assert.equal(await cast(), "zone_away", `${protocol}, cast ${sequence}`);
  }
});
