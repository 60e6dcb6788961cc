import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { until } from "../../tests/support/until.ts";
import { assertRefused, castOf, startScene } from "./test-combat.ts";

/** The world or the database goes away, or this process ends. */
test("while the world is away nobody fights, time stands still, and the health says so", async (t) => {
  const { player, npc, world, combat } = await startScene(t);
  const ann = await player(0, 0);
  const doll = await npc("dummy", 300, 0);
  assert.equal(await combat.probes.world!(), undefined);
  await ann.client.castSkill(castOf(1, "poke", doll));
  const { zone } = combat.arenas.open.get("meadow")!;
  world.leave();
  await until("it is noticed", async () => (await combat.probes.world!())?.message?.includes("meadow"));
  const then = zone.now;
  await assertRefused(ann.client.castSkill(castOf(2, "hit", doll)), Code.Aborted, "zone_away");
  assert.deepEqual(zone.now, then);
  world.remove(doll);
  world.comeBack();
  await until("it is back", async () => combat.arenas.open.get("meadow")?.here);
  assert.equal(zone.combatants.has(doll), false, "what went meanwhile has gone");
  const other = await npc("dummy", 400, 0);
  await ann.client.castSkill(castOf(2, "hit", other));
});

test("a death that the world could not hear of is told until it has", async (t) => {
  const { player, npc, world } = await startScene(t);
  const ann = await player(0, 0);
  const rat = await npc("rat", 900, 0);
  world.deaf = true;
  await ann.client.castSkill(castOf(1, "kill", rat));
  world.leave();
  world.comeBack();
  world.deaf = false;
  await until("the world has heard", async () => world.being(rat)?.dead);
});

test("after a restart everybody stands as before, and a number that was used stays used", async (t) => {
  const first = await startScene(t);
  const ann = await first.player(0, 0);
  const doll = await first.npc("dummy", 300, 0);
  await ann.client.castSkill(castOf(7, "hit", doll));
  await first.combat.stop();
  const second = await startScene(t, { store: first.store, world: first.world });
  const client = second.clientOf({ userId: ann.id });
  assert.equal((await client.getCombatant({ combatantId: doll })).combatant?.hp, 990);
  assert.equal((await client.getCombatant({})).combatant?.lastSequence, 7n);
  await assertRefused(client.castSkill(castOf(7, "hit", doll)), Code.OutOfRange, "sequence_old");
  await client.castSkill(castOf(8, "hit", doll));
});

test("a death of which the world heard nothing before the restart is told after it", async (t) => {
  const first = await startScene(t);
  const ann = await first.player(0, 0);
  const rat = await first.npc("rat", 900, 0);
  first.world.deaf = true;
  await ann.client.castSkill(castOf(1, "kill", rat));
  await first.combat.stop();
  first.world.deaf = false;
  await startScene(t, { store: first.store, world: first.world });
  await until("the world has heard", async () => first.world.being(rat)?.dead);
});

test("health of another life says nothing: who lives anew is whole", async (t) => {
  const first = await startScene(t);
  const ann = await first.player(0, 0);
  const doll = await first.npc("dummy", 300, 0);
  await ann.client.castSkill(castOf(7, "hit", doll));
  await first.combat.stop();
  first.world.revive(doll);
  const second = await startScene(t, { store: first.store, world: first.world });
  const client = second.clientOf({ userId: ann.id });
  assert.equal((await client.getCombatant({ combatantId: doll })).combatant?.hp, 1_000);
});

test("while the database is away the fight goes on, and is stored when it is back", async (t) => {
  const { player, npc, store, combat } = await startScene(t);
  const ann = await player(0, 0);
  const rat = await npc("rat", 900, 0);
  store.away = true;
  await ann.client.castSkill(castOf(1, "kill", rat));
  await until("it waits", async () => combat.ledger.waitingMs > 100);
  assert.deepEqual(store.events, []);
  store.away = false;
  await until("it is stored", async () => store.events.length === 2);
  assert.equal(combat.ledger.waitingMs, 0);
});
