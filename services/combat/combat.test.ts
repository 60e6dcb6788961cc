import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { parseEvent } from "#kit/events.ts";
import { until } from "../../tests/support/until.ts";
import { assertRefused, castOf, factsOf, startScene } from "./test-combat.ts";

/** The unary calls over the in-memory transport. */
test("a cast answers with what it did, and both sides stand accordingly", async (t) => {
  const { player, npc } = await startScene(t);
  const ann = await player(0, 0);
  const doll = await npc("dummy", 300, 0);
  const answer = await ann.client.castSkill(castOf(1, "hit", doll));
  assert.deepEqual([answer.castMs, answer.cooldownMs, factsOf(answer.effects)], [0, 1_000, ["castLaunched", "damage"]]);
  const damage = answer.effects[1]!;
  assert.deepEqual([damage.sourceId, damage.targetId], [ann.id, doll]);
  assert.ok(damage.fact.case === "damage" && damage.fact.value.amount === 10 && damage.fact.value.hp === 990);
  const own = (await ann.client.getCombatant({})).combatant!;
  assert.deepEqual([own.combatantId, own.hp, own.zoneId, own.lastSequence], [ann.id, 100, "meadow", 1n]);
  assert.deepEqual(
    own.cooldowns.map(({ skillId }) => skillId),
    ["hit"],
  );
  const other = (await ann.client.getCombatant({ combatantId: doll })).combatant!;
  assert.deepEqual([other.npcKind, other.hp, other.maxHp, other.cooldowns], ["dummy", 990, 1_000, []]);
});

test("the same number again is answered with the first answer and casts nothing, refusals too", async (t) => {
  const { player, npc } = await startScene(t);
  const ann = await player(0, 0);
  const doll = await npc("dummy", 300, 0);
  const first = await ann.client.castSkill(castOf(5, "hit", doll));
  for (let i = 0; i < 3; i++) assert.deepEqual(await ann.client.castSkill(castOf(5, "hit", doll)), first);
  await assertRefused(ann.client.castSkill(castOf(6, "hit", doll)), Code.FailedPrecondition, "on_cooldown");
  const refusal = await assertRefused(
    ann.client.castSkill(castOf(6, "poke", doll)),
    Code.FailedPrecondition,
    "on_cooldown",
  );
  assert.equal(refusal.metadata.get("retry-after"), "1");
  await ann.client.castSkill(castOf(3, "poke", doll));
  await ann.client.castSkill(castOf(100, "curse", doll));
  await assertRefused(ann.client.castSkill(castOf(5, "hit", doll)), Code.OutOfRange, "sequence_old");
  await assertRefused(ann.client.castSkill(castOf(2_000_000, "hit", doll)), Code.OutOfRange, "sequence_ahead");
  assert.equal((await ann.client.getCombatant({ combatantId: doll })).combatant?.hp, 990);
});

const malformed: [what: string, cast: ReturnType<typeof castOf>["cast"] & { position?: { x: number; y: number } }][] = [
  ["the number 0", castOf(0, "hit").cast],
  ["a negative number", castOf(-1, "hit").cast],
  ["a number that no machine counts to", { ...castOf(1, "hit").cast, sequence: 2n ** 60n }],
  ["a skill that is no name", castOf(1, "../hit").cast],
  ["a long target", castOf(1, "hit", "x".repeat(65)).cast],
  ["a place beyond all zones", { ...castOf(1, "blast").cast, position: { x: 2_000_000_000, y: 0 } }],
];
test("what is malformed is refused before anything looks at it", async (t) => {
  const { player } = await startScene(t);
  const ann = await player(0, 0);
  for (const [what, cast] of malformed)
    await t.test(what, async () => void (await assertRefused(ann.client.castSkill({ cast }), Code.InvalidArgument)));
  await t.test("no cast", async () => void (await assertRefused(ann.client.castSkill({}), Code.InvalidArgument)));
});

test("what the rules refuse keeps its reason", async (t) => {
  const { player, npc, world, clientOf, combat } = await startScene(t);
  const ann = await player(0, 0);
  const doll = await npc("dummy", 900, 0);
  const cast = (sequence: number, skill: string, target = "") => ann.client.castSkill(castOf(sequence, skill, target));
  await assertRefused(cast(1, "wish", doll), Code.NotFound, "skill_unknown");
  await assertRefused(cast(2, "hit", "meadow.ghost.1"), Code.NotFound, "target_unknown");
  await assertRefused(cast(3, "hit"), Code.InvalidArgument, "target_missing");
  await assertRefused(cast(4, "blast"), Code.InvalidArgument, "position_missing");
  world.gate(false);
  await until("the gate is closed", async () => combat.arenas.open.get("meadow")!.zone.obstacles.length === 2);
  await assertRefused(cast(5, "hit", doll), Code.FailedPrecondition, "no_line_of_sight");
  world.gate(true);
  await until("the gate is open", async () => combat.arenas.open.get("meadow")!.zone.obstacles.length === 1);
  await cast(6, "hit", doll);
  await assertRefused(
    clientOf({ userId: randomUUID() }).castSkill(castOf(1, "hit", doll)),
    Code.FailedPrecondition,
    "not_in_zone",
  );
  await assertRefused(clientOf({}).castSkill(castOf(1, "hit", doll)), Code.Unauthenticated, "no_identity");
  for (const zone of ["atlantis", "../x"])
    await assertRefused(
      clientOf({ userId: ann.id, zone }).castSkill(castOf(7, "hit", doll)),
      Code.NotFound,
      "zone_unknown",
    );
  await clientOf({ userId: ann.id, zone: "" }).getCombatant({});
});

test("a cast from another time is refused", async (t) => {
  const { player, npc } = await startScene(t);
  const ann = await player(0, 0);
  const doll = await npc("dummy", 300, 0);
  const castAt = (sequence: number, ms: number) =>
    ann.client.castSkill({ cast: { ...castOf(sequence, "hit", doll).cast, castTime: timestampFromMs(ms) } });
  await assertRefused(castAt(1, Date.now() - 20_000), Code.FailedPrecondition, "cast_stale");
  await assertRefused(castAt(2, Date.now() + 20_000), Code.FailedPrecondition, "cast_stale");
  await castAt(3, Date.now());
});

test("a preview says what a skill would do, and why it can't be cast, and changes nothing", async (t) => {
  const { player, npc } = await startScene(t);
  const ann = await player(0, 0);
  const doll = await npc("dummy", 300, 0);
  const preview = await ann.client.calculateDamage({ skillId: "bolt", targetId: doll });
  assert.deepEqual(
    [preview.minDamage, preview.maxDamage, preview.minCriticalDamage, preview.refusalReason],
    [10, 10, 15, ""],
  );
  await ann.client.castSkill(castOf(1, "hit", doll));
  const later = await ann.client.calculateDamage({ skillId: "hit", targetId: doll });
  assert.equal(later.refusalReason, "on_cooldown");
  assert.equal((await ann.client.getCombatant({ combatantId: doll })).combatant?.hp, 990);
  await assertRefused(ann.client.calculateDamage({ skillId: "gnaw", targetId: doll }), Code.NotFound, "skill_unknown");
  await assertRefused(ann.client.calculateDamage({ skillId: "hit", targetId: "x" }), Code.NotFound, "target_unknown");
});

test("a buff that is laid by hand is there", async (t) => {
  const { player, clientOf } = await startScene(t);
  const ann = await player(0, 0);
  const admin = clientOf({ userId: randomUUID(), zone: "" });
  const { target } = await admin.applyBuff({ zoneId: "meadow", targetId: ann.id, buffId: "strong" });
  assert.deepEqual(
    target?.buffs.map(({ buffId, stacks }) => [buffId, stacks]),
    [["strong", 1]],
  );
  await assertRefused(
    admin.applyBuff({ zoneId: "meadow", targetId: ann.id, buffId: "rich" }),
    Code.NotFound,
    "buff_unknown",
  );
  await assertRefused(
    admin.applyBuff({ zoneId: "meadow", targetId: "x", buffId: "strong" }),
    Code.NotFound,
    "target_unknown",
  );
});

test("the skills of players are listed, those of NPCs are not", async (t) => {
  const { clientOf } = await startScene(t);
  const { skills } = await clientOf({ userId: randomUUID() }).listSkills({});
  assert.ok(skills.some(({ skillId, castMs, range }) => skillId === "bolt" && castMs === 1_500 && range === 1_000));
  assert.ok(!skills.some(({ skillId }) => skillId === "gnaw"));
});

test("an NPC that is killed is dead in the world, leaves its items, and its next life is whole", async (t) => {
  const { player, npc, world, store } = await startScene(t);
  const ann = await player(0, 0);
  const rat = await npc("rat", 900, 0);
  const { effects } = await ann.client.castSkill(castOf(1, "kill", rat));
  assert.deepEqual(factsOf(effects), ["castLaunched", "damage", "death", "itemDrop"]);
  await until("the world has heard", async () => world.being(rat)?.dead);
  await assertRefused(ann.client.castSkill(castOf(2, "hit", rat)), Code.FailedPrecondition, "target_dead");
  await until("it is stored", async () => store.events.length === 2);
  const events = store.events.map(({ payload }) => parseEvent(payload));
  assert.ok(events.every(({ userId, source }) => userId === ann.id && source === "combat"));
  const [item, result] = events.map(({ data }) => data);
  assert.ok(item?.case === "itemObtained" && result?.case === "combatResult");
  assert.deepEqual([item.value.itemId, item.value.quantity, item.value.source], ["tail", 2, "monster_drop"]);
  const { attackerId, targetId, damage, killed, skillId } = result.value;
  assert.deepEqual([attackerId, targetId, damage, killed, skillId], [ann.id, rat, 50, true, "kill"]);
  assert.ok(store.events.every(({ key, topic }) => key === ann.id && topic === "game-events"));
  world.revive(rat);
  await until("its next life has begun", async () => {
    const { combatant } = await ann.client.getCombatant({ combatantId: rat });
    return combatant?.hp === 50 && !combatant.dead;
  });
});

test("a player who is killed is dead in the world, and lives again there", async (t) => {
  const { player, world, combat, store } = await startScene(t, { pvp: true });
  const [ann, bob] = [await player(0, 0), await player(100, 0)];
  await ann.client.castSkill(castOf(1, "kill", bob.id));
  await assertRefused(bob.client.castSkill(castOf(1, "hit", ann.id)), Code.FailedPrecondition, "caster_dead");
  await until("the world has heard", async () => world.being(bob.id)?.dead);
  await until("the death is stored", async () => store.combatants.get(bob.id)?.hp === 0);
  await until("the world gives them another life", async () => world.being(bob.id)?.life === 2);
  const zone = combat.arenas.open.get("meadow")!.zone;
  await until("they live here too", async () => zone.combatants.get(bob.id)?.hp === 100);
  assert.deepEqual([zone.combatants.get(bob.id)?.x, world.being(bob.id)?.x], [9_000, 9_000]);
});
