import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { until } from "../../tests/support/until.ts";
import { assertRefused, castOf, factsOf, openFight, startScene } from "./test-combat.ts";

/** The streams over the in-memory transport. */
test("a fight opens with where one stands, answers each cast in order, and tells what happens", async (t) => {
  const { player, npc } = await startScene(t);
  const ann = await player(0, 0);
  const doll = await npc("dummy", 300, 0);
  const fight = await openFight(ann.client);
  t.after(fight.close);
  assert.deepEqual([fight.opened.opened?.combatant?.hp, fight.opened.opened?.combatant?.lastSequence], [100, 0n]);
  fight.send(castOf(1, "hit", doll), castOf(2, "hit", doll), castOf(3, "poke", doll));
  fight.send(castOf(1, "hit", doll));
  const results: unknown[] = [];
  const seen = new Set<string | undefined>();
  await fight.find("bleeding", (message) => {
    for (const { sequence, outcome } of message.results)
      results.push([Number(sequence), outcome.case, outcome.case === "refused" && outcome.value.reason]);
    for (const fact of factsOf(message.effects)) seen.add(fact);
    return message.effects.find(({ fact }) => fact.case === "damage" && fact.value.by === "bleeding");
  });
  assert.deepEqual(results, [
    [1, "accepted", false],
    [2, "refused", "on_cooldown"],
    [3, "accepted", false],
    [1, "accepted", false],
  ]);
  assert.deepEqual(seen, new Set(["castLaunched", "damage", "buffApplied"]));
});

test("who stands near hears of it, who stands far does not, and each effect has one number", async (t) => {
  const { player, npc } = await startScene(t);
  const [ann, bob, eve] = [await player(0, 0), await player(1_000, 1_000), await player(9_000, 9_000)];
  const doll = await npc("dummy", 300, 0);
  const watch = async ({ client }: typeof ann) => {
    const ending = new AbortController();
    t.after(() => ending.abort());
    const stream = client.watchCombat({}, { signal: ending.signal })[Symbol.asyncIterator]();
    assert.ok((await stream.next()).value.opened);
    return async () => (await stream.next()).value.effects;
  };
  const [near, far] = [await watch(bob), await watch(eve)];
  const { effects } = await ann.client.castSkill(castOf(1, "hit", doll));
  assert.deepEqual(await near(), effects);
  const late = far();
  const own = await eve.client.castSkill(castOf(1, "cheer"));
  assert.deepEqual(await late, own.effects, "the first that the far one hears is their own");
});

test("who has just come into the world is waited for; who never does is told so", async (t) => {
  const { world, clientOf } = await startScene(t);
  const id = randomUUID();
  const opening = openFight(clientOf({ userId: id }));
  world.put(id, 0, 0);
  (await opening).close();
  await assertRefused(openFight(clientOf({ userId: randomUUID() })), Code.FailedPrecondition, "not_in_zone");
});

test("a stream ends some time after its player has left the zone", async (t) => {
  const { player, world } = await startScene(t, { heartbeatSeconds: 0.05 });
  const ann = await player(0, 0);
  const fight = await openFight(ann.client);
  t.after(fight.close);
  assert.deepEqual((await fight.next()).effects, [], "silence is broken now and then");
  world.remove(ann.id);
  await assertRefused(
    fight.find("the end", () => undefined),
    Code.FailedPrecondition,
    "not_in_zone",
  );
});

test("a token that expires ends the stream, and a session that ends does", async (t) => {
  let now = Date.now();
  const { world, clientOf, sessions } = await startScene(t, { clock: () => now, heartbeatSeconds: 0.05 });
  const id = randomUUID();
  world.put(id, 0, 0);
  const sessionId = randomUUID();
  const short = await openFight(clientOf({ userId: id, expires: Math.ceil(now / 1_000) + 60 }));
  const long = await openFight(clientOf({ userId: id, sessionId }));
  t.after(short.close);
  t.after(long.close);
  now += 61_000;
  await assertRefused(
    short.find("the end", () => undefined),
    Code.Unauthenticated,
    "token_expired",
  );
  await long.next();
  sessions.note(sessionId, now + 60_000);
  await assertRefused(
    long.find("the end", () => undefined),
    Code.Unauthenticated,
    "session_ended",
  );
  await assertRefused(openFight(clientOf({ userId: id, sessionId })), Code.Unauthenticated, "session_ended");
});

test("a player casts so often and no more; who doesn't stop is sent away, and may come again", async (t) => {
  const { player, npc } = await startScene(t, { castsPerSecond: 1, castsBurst: 5 });
  const ann = await player(0, 0);
  const doll = await npc("dummy", 300, 0);
  const fight = await openFight(ann.client);
  t.after(fight.close);
  for (let i = 1; i <= 10; i++) fight.send(castOf(i, "hit", doll));
  const reasons: (string | false)[] = [];
  await fight.find("ten answers", ({ results }) => {
    reasons.push(...results.map(({ outcome }) => outcome.case === "refused" && outcome.value.reason));
    return reasons.length === 10 || undefined;
  });
  assert.deepEqual(reasons, [false, ...Array(4).fill("on_cooldown"), ...Array(5).fill("cast_flood")]);
  for (let i = 0; i < 40; i++)
    fight.send(...Array.from({ length: 16 }, (_, j) => castOf(100 + 16 * i + j, "hit", doll)));
  await assertRefused(
    fight.find("the end", () => undefined),
    Code.ResourceExhausted,
    "cast_flood",
  );
  (await openFight(ann.client)).close();
});

test("a malformed cast ends the stream", async (t) => {
  const { player } = await startScene(t);
  const ann = await player(0, 0);
  for (const cast of [castOf(0, "hit"), castOf(1, "No Skill")]) {
    const fight = await openFight(ann.client);
    t.after(fight.close);
    fight.send(cast);
    await assertRefused(
      fight.find("the end", () => undefined),
      Code.InvalidArgument,
    );
  }
});

test("a client that ends its side still hears what happens", async (t) => {
  const { player, npc } = await startScene(t);
  const ann = await player(0, 0);
  const doll = await npc("dummy", 300, 0);
  const fight = await openFight(ann.client);
  t.after(fight.close);
  fight.end();
  await ann.client.castSkill(castOf(1, "hit", doll));
  assert.deepEqual(factsOf((await fight.next()).effects), ["castLaunched", "damage"]);
});

test("a stream that is given up is forgotten", async (t) => {
  const { player, combat } = await startScene(t);
  const ann = await player(0, 0);
  const fight = await openFight(ann.client);
  const { listeners } = combat.arenas.open.get("meadow")!.audience;
  assert.equal(listeners.size, 1);
  fight.close();
  await until("it is forgotten", async () => listeners.size === 0);
});
