import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import pg from "pg";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { CombatService, type FightResponse } from "#gen/game/combat/v1/combat_service_pb.ts";
import type { Effect } from "#gen/game/combat/v1/effect_pb.ts";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { parseEvent } from "#kit/events.ts";
import type { Stack } from "../../stack/stack.ts";
import { createEdgeTransport, type Protocol, protocols } from "../support/clients.ts";
import { joinGame } from "../support/players.ts";
import { createTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { distanceTo, nearest, walkTo } from "../support/wanderer.ts";
import { joinWorld } from "../support/world-player.ts";

/** The real world and the real combat behind the real edge: players walk to NPCs, fight them, and are fought by them. */
describe("combat through the edge", () => {
  let stack: Stack;
  let edge: string;
  before(async () => {
    stack = await createTestStack({ only: ["postgres", "redis", "auth", "world", "combat", "edge"] });
    edge = `http://127.${stack.network}.0.1:8080`;
  });
  after(() => stack?.stop());

  const combatOf = (token: string, protocol: Protocol = "grpc", zone = "meadow") =>
    createClient(CombatService, createEdgeTransport(edge, { token, protocol, headers: { "x-zone-id": zone } }));

  /** A new player in the meadow, whom combat knows. */
  async function enter(t: TestContext, protocol: Protocol = "grpc") {
    const player = await joinGame(edge);
    const world = await joinWorld(edge, { token: player.accessToken });
    t.after(() => world.close());
    const combat = combatOf(player.accessToken, protocol);
    await until("combat knows the player", async () => (await combat.getCombatant({})).combatant);
    return { player, world, combat };
  }

  /** Casts until the skill has done what it should, with ever new numbers. */
  function caster(combat: Client<typeof CombatService>) {
    let sequence = 0n;
    return (skillId: string, targetId: string) =>
      combat.castSkill({ cast: { sequence: ++sequence, skillId, targetId } });
  }

  test("a player walks to an NPC, fights it until it dies, gets what it leaves, and it comes back", async (t) => {
    const { player, world, combat } = await enter(t);
    await walkTo(world, 3_700, 4_000);
    const boar = await until("a boar is near", async () => nearest(world, "boar"));
    const id = boar.who.value!;
    const cast = caster(combat);
    const effects: Effect[] = [];
    await until(
      "it dies",
      async () => {
        const at = world.view.entities.get(boar.entityId) ?? boar;
        if (distanceTo(world, at) > 2_000) await walkTo(world, at.x, at.y);
        for (const skill of ["smite", "hammer"])
          await cast(skill, id).then(
            (answer) => effects.push(...answer.effects),
            () => undefined,
          );
        return effects.some(({ fact }) => fact.case === "death");
      },
      60_000,
    );
    await until("the world says that it is dead", async () => world.view.entities.get(boar.entityId)?.dead);
    const drops = effects.filter(({ fact }) => fact.case === "itemDrop");
    const events = await until("what happened is told", async () => {
      const told = await eventsOf(player.userId);
      return told.some(({ data }) => data.case === "combatResult" && data.value.killed) && told;
    });
    assert.equal(events.filter(({ data }) => data.case === "itemObtained").length, drops.length);
    for (const { data } of events)
      if (data.case === "combatResult")
        assert.ok([data.value.attackerId, data.value.targetId].includes(id) && data.value.damage > 0);
    await until(
      "it comes back, whole",
      async () => {
        const { combatant } = await combat.getCombatant({ combatantId: id });
        return !combatant!.dead && combatant!.hp === combatant!.maxHp;
      },
      60_000,
    );
  });

  test("a player who comes near wolves is attacked, dies, lives again where players come to life, and is whole", async (t) => {
    const { player, world, combat } = await enter(t);
    const ending = new AbortController();
    t.after(() => ending.abort());
    const seen: Effect[] = [];
    const watching = (async () => {
      for await (const { effects } of combat.watchCombat({}, { signal: ending.signal })) seen.push(...effects);
    })().catch(() => undefined);
    for (const [x, y] of [
      [4_000, 4_000],
      [5_000, 7_000],
      [8_300, 6_600],
      [8_600, 5_500],
    ] as const)
      await walkTo(world, x, y);
    const death = await until(
      "wolves kill the player",
      async () => {
        const wolf = nearest(world, "wolf");
        const dead = seen.find(({ fact, targetId }) => fact.case === "death" && targetId === player.userId);
        if (!dead && wolf && distanceTo(world, wolf) > 200) {
          world.step(world.x + Math.sign(wolf.x - world.x) * 20, world.y + Math.sign(wolf.y - world.y) * 20);
          await pause(40);
        }
        return dead;
      },
      240_000,
    );
    assert.match(death.sourceId, /^meadow\.wolf\./);
    await until("the world says so", async () => world.view.entities.get(world.entityId)?.dead);
    await assertRefused(caster(combat)("smite", death.sourceId), Code.FailedPrecondition, "caster_dead");
    await until("the player lives again", async () => !world.view.entities.get(world.entityId)?.dead, 60_000);
    const own = await until("and is whole", async () => {
      const { combatant } = await combat.getCombatant({});
      return !combatant!.dead && combatant;
    });
    assert.deepEqual([own.hp, own.x < 2_000], [own.maxHp, true], "at a spawn point");
    ending.abort();
    await watching;
  });

  for (const protocol of ["grpc", "connect", "connect-json"] as const)
    test(`a fight streams casts up and effects down over ${protocol}`, async (t) => {
      const { player, combat } = await enter(t, protocol);
      const ending = new AbortController();
      t.after(() => ending.abort());
      const casts = Promise.withResolvers<void>();
      async function* requests() {
        const cast = { sequence: 1n, skillId: "renew", targetId: player.userId };
        yield { casts: [cast, cast] };
        await casts.promise;
      }
      const messages: FightResponse[] = [];
      for await (const message of combat.fight(requests(), { signal: ending.signal })) {
        messages.push(message);
        const effects = messages.flatMap((one) => one.effects);
        if (effects.some(({ fact }) => fact.case === "buffApplied") && messages.some((one) => one.results.length > 0))
          break;
      }
      assert.equal(messages[0]?.opened?.combatant?.combatantId, player.userId);
      const results = messages.flatMap((one) => one.results);
      assert.deepEqual(
        results.map(({ outcome }) => outcome.case),
        ["accepted", "accepted"],
        "the second is the first's answer",
      );
      casts.resolve();
    });

  for (const protocol of protocols)
    test(`a cast and what it does arrive by calls and a stream down over ${protocol}`, async (t) => {
      const { player, combat } = await enter(t, protocol);
      const ending = new AbortController();
      t.after(() => ending.abort());
      const stream = combat.watchCombat({}, { signal: ending.signal })[Symbol.asyncIterator]();
      assert.ok((await stream.next()).value.opened);
      const { effects } = await combat.castSkill({ cast: { sequence: 1n, skillId: "ward", targetId: player.userId } });
      assert.ok(effects.length > 0);
      const heard: bigint[] = [];
      while (!heard.includes(effects.at(-1)!.effectId))
        for (const { effectId } of (await stream.next()).value.effects) heard.push(effectId);
    });

  test("a buff by hand is for admins alone", async (t) => {
    const { player, combat } = await enter(t);
    const request = { zoneId: "meadow", targetId: player.userId, buffId: "hardened" };
    await assertRefused(combat.applyBuff(request), Code.PermissionDenied);
    const password = readFileSync(join(stack.stateDir, "secrets/auth-admin-password"), "utf8").trim();
    const auth = createClient(AuthService, createEdgeTransport(edge));
    const { accessToken } = await auth.authenticate({ username: "admin", password });
    const { target } = await combatOf(accessToken).applyBuff(request);
    assert.deepEqual(
      target?.buffs.map(({ buffId }) => buffId),
      ["hardened"],
    );
  });

  test("combat dies in the middle of a fight: wounds and numbers are as they were", async (t) => {
    const { player, world, combat } = await enter(t);
    await walkTo(world, 3_700, 4_000);
    const boar = await until("a boar is near", async () => nearest(world, "boar"));
    const id = boar.who.value!;
    const cast = caster(combat);
    await until(
      "it is hurt",
      async () => (await cast("smite", id)).effects.some(({ fact }) => fact.case === "damage"),
      60_000,
    );
    const { combatant: before } = await combat.getCombatant({});
    const rows = () => query<{ hp: number }>("select hp from combatant where combatant_id = $1", [id]);
    const [row] = await until("the wound is stored", async () => {
      const found = await rows();
      return found.length > 0 && found;
    });
    const numbered = "select 1 from combatant where combatant_id = $1 and last_sequence >= $2";
    await until("and the number", async () => {
      const found = await query(numbered, [player.userId, before!.lastSequence]);
      return found.length > 0;
    });
    stack.process("combat").kill("SIGKILL");
    await stack.process("combat").waitReady(120_000);
    const after = await until("combat is back", async () => (await combat.getCombatant({})).combatant, 60_000);
    assert.ok(after.lastSequence >= before!.lastSequence);
    const { combatant: wounded } = await combat.getCombatant({ combatantId: id });
    assert.ok(
      wounded!.hp >= row!.hp && wounded!.hp < wounded!.maxHp,
      `${wounded!.hp} of ${wounded!.maxHp}, ${row!.hp} stored`,
    );
    await assertRefused(
      combat.castSkill({ cast: { sequence: 1n, skillId: "smite", targetId: id } }),
      Code.OutOfRange,
      "sequence_old",
    );
    assert.ok(player);
  });

  test("without the world combat refuses casts, says so in its health, and fights on when it is back", async (t) => {
    const { player, combat } = await enter(t);
    await stack.process("world").stop();
    const cast = caster(combat);
    await until("casts are refused", async () => {
      const error = await cast("renew", player.userId).then(() => undefined, ConnectError.from);
      return error?.code === Code.Aborted;
    });
    await until("the health says so", async () => (await health()).includes("nobody fights there"));
    await stack.process("world").start();
    await stack.waitReady();
    // The player comes back by themselves.
    await until("casts are taken again", async () => (await cast("ward", player.userId)).effects.length > 0, 60_000);
  });

  async function health(): Promise<string> {
    const session = http2.connect(`http://127.${stack.network}.0.1:9111`);
    let text = "";
    try {
      for await (const chunk of session.request({ ":path": "/healthz" })) text += chunk;
    } finally {
      session.close();
    }
    return text;
  }

  async function query<T extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<T[]> {
    const client = new pg.Client(stack.databaseUrl("combat"));
    await client.connect();
    try {
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** What waits for Kafka, which isn't here. */
  const eventsOf = async (userId: string) =>
    (await query<{ payload: string }>("select payload from outbox where key = $1 order by id", [userId])).map(
      ({ payload }) => parseEvent(payload),
    );
});

async function assertRefused(call: Promise<unknown>, code: Code, reason?: string): Promise<void> {
  const error = await call.then(
    () => assert.fail("not refused"),
    (thrown) => ConnectError.from(thrown),
  );
  assert.equal(Code[error.code], Code[code], error.message);
  if (reason) assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, reason);
}
