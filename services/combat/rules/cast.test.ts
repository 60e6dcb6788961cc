import assert from "node:assert/strict";
import { test } from "node:test";
import type { Refusal } from "./effect.ts";
import { kindsOf, startZone } from "./test-zone.ts";

const wall = { minX: 300, minY: -50, maxX: 310, maxY: 50 };

test("a hit takes health from its target, and says how much is left", () => {
  const { cast, get } = startZone();
  const { cast: outcome, effects } = cast(100, "ann", "hit", "doll");
  assert.deepEqual(outcome, { castMs: 0, cooldownMs: 1_000 });
  const who = { at: 100, source: "ann", target: "doll" };
  assert.deepEqual(effects, [
    { ...who, kind: "cast", skill: "hit" },
    { ...who, kind: "damage", by: "hit", school: "physical", amount: 10, absorbed: 0, critical: false, hp: 990 },
  ]);
  assert.equal(get("doll").hp, 990);
});

const refusals: [
  what: string,
  skill: string,
  target: string | undefined,
  reason: Refusal,
  prepare?: (z: ReturnType<typeof startZone>) => void,
][] = [
  ["who isn't in the zone", "hit", "doll", "not_in_zone", (z) => z.at(0, { type: "leave", id: "ann" })],
  ["a skill that there isn't", "wish", "doll", "skill_unknown"],
  ["a skill of NPCs", "gnaw", "doll", "skill_unknown"],
  ["the dead", "hit", "doll", "caster_dead", (z) => z.enter("ann", 0, 0, undefined, 0)],
  [
    "the stunned",
    "hit",
    "doll",
    "caster_stunned",
    (z) => z.at(0, { type: "aura", id: "ann", aura: "stunned", source: "bob" }),
  ],
  ["who is at another cast", "hit", "doll", "already_casting", (z) => z.cast(0, "ann", "bolt", "doll")],
  ["a skill that cools down", "hit", "doll", "on_cooldown", (z) => z.cast(0, "ann", "hit", "doll")],
  ["nobody as a target", "hit", undefined, "target_missing"],
  ["no place", "blast", undefined, "position_missing"],
  ["a target that isn't there", "hit", "eve", "target_unknown"],
  ["a dead target", "hit", "doll", "target_dead", (z) => z.cast(0, "bob", "kill", "doll")],
  ["another player", "hit", "bob", "target_invalid"],
  ["oneself", "hit", "ann", "target_invalid"],
  ["help for an NPC", "heal", "doll", "target_invalid"],
  ["a target too far off", "hit", "doll", "out_of_range", (z) => z.at(0, { type: "move", id: "doll", x: 1_001, y: 0 })],
  [
    "a target behind a wall",
    "hit",
    "doll",
    "no_line_of_sight",
    (z) => z.at(0, { type: "obstacles", obstacles: [wall] }),
  ],
];
for (const [what, skill, target, reason, prepare] of refusals)
  test(`${what}: refused, and nothing happens`, () => {
    const z = startZone();
    prepare?.(z);
    const hp = z.get("doll").hp;
    const { cast, effects } = z.cast(500, "ann", skill, target);
    assert.equal(cast?.refused, reason);
    assert.deepEqual([effects, z.get("doll").hp], [[], hp]);
  });

test("a refused cast cools nothing down; a skill comes back when its time is over", () => {
  const { cast, at } = startZone();
  at(0, { type: "move", id: "doll", x: 5_000, y: 0 });
  cast(0, "ann", "hit", "doll");
  at(0, { type: "move", id: "doll", x: 500, y: 0 });
  assert.equal(cast(0, "ann", "hit", "doll").cast?.refused, undefined);
  assert.deepEqual(cast(400, "ann", "hit", "doll").cast, { refused: "on_cooldown", waitMs: 600 });
  assert.equal(cast(999, "ann", "hit", "doll").cast?.refused, "on_cooldown");
  assert.equal(cast(1_000, "ann", "hit", "doll").cast?.refused, undefined);
});

test("a cast that takes its time has its effect then, at that time", () => {
  const { cast, wait, get } = startZone();
  const { cast: outcome, effects } = cast(100, "ann", "bolt", "doll");
  assert.deepEqual([outcome?.refused, kindsOf(effects)], [undefined, ["cast_begun"]]);
  assert.deepEqual(wait(1_599), []);
  const landed = wait(5_000);
  assert.deepEqual(
    landed.map(({ at, kind }) => [at, kind]),
    [
      [1_600, "cast"],
      [1_600, "damage"],
    ],
  );
  assert.equal(get("doll").hp, 990, "half is resisted");
});

const interruptions: [what: string, reason: string, act: (z: ReturnType<typeof startZone>) => unknown][] = [
  ["whom somebody kicks", "interrupted", (z) => z.cast(600, "ann", "kick", "bob")],
  ["who is stunned", "stunned", (z) => z.cast(600, "ann", "stun", "bob")],
  ["who walks", "moved", (z) => z.at(600, { type: "move", id: "bob", x: 160, y: 0 })],
  ["who dies", "caster_died", (z) => z.cast(600, "ann", "kill", "bob")],
  ["whose target has gone", "target_gone", (z) => z.at(600, { type: "leave", id: "doll" })],
  ["whose target is dead", "target_dead", (z) => z.cast(600, "ann", "kill", "doll")],
  ["whose target has run", "out_of_range", (z) => z.at(600, { type: "move", id: "doll", x: 1_400, y: 0 })],
  ["whose target hides", "no_line_of_sight", (z) => z.at(600, { type: "obstacles", obstacles: [wall] })],
];
for (const [what, reason, act] of interruptions)
  test(`${what}: the cast comes to nothing`, () => {
    const z = startZone({ pvp: true });
    z.cast(100, "bob", "bolt", "doll");
    const effects = [...(act(z) as { effects: [] }).effects, ...z.wait(3_000)];
    const found = effects.filter(
      (one: { kind: string; target: string }) => one.kind === "interrupted" && one.target === "bob",
    ) as { reason: string }[];
    assert.deepEqual(
      found.map((one) => one.reason),
      [reason],
    );
    assert.ok(!effects.some((one: { kind: string; source: string }) => one.kind === "cast" && one.source === "bob"));
  });

test("a target that steps back a little while a cast is under way is hit; a caster who is pushed goes on", () => {
  const { cast, at, wait } = startZone();
  cast(100, "ann", "bolt", "doll");
  at(600, { type: "move", id: "doll", x: 1_190, y: 0 });
  at(600, { type: "move", id: "ann", x: 40, y: 0 });
  assert.deepEqual(kindsOf(wait(3_000)), ["cast", "damage"]);
});

test("an area reaches enemies around its middle, the nearest first, and nobody behind a wall", () => {
  const { at, enter } = startZone({ obstacles: [{ minX: 490, minY: 60, maxX: 510, maxY: 70 }] });
  enter("rat1", 500, 100, "rat");
  enter("rat2", 600, 0, "rat");
  enter("rat3", 650, 0, "rat");
  enter("far", 701, 0, "rat");
  const { effects } = at(10, { type: "cast", id: "ann", skill: "blast", point: { x: 500, y: 0 } });
  assert.deepEqual(
    effects.filter(({ kind }) => kind === "damage").map(({ target }) => target),
    ["doll", "rat2"],
  );
  const { effects: again } = at(2_000, { type: "cast", id: "bob", skill: "blast", point: { x: 620, y: 0 } });
  assert.deepEqual(
    again.filter(({ kind }) => kind === "damage").map(({ target }) => target),
    ["rat2", "rat3"],
  );
});

test("where players may fight each other they do, and still help each other", () => {
  const { cast, get } = startZone({ pvp: true });
  assert.equal(cast(10, "ann", "hit", "bob").cast?.refused, undefined);
  assert.equal(get("bob").hp, 90);
  cast(20, "ann", "heal", "bob");
  assert.equal(get("bob").hp, 100);
});

test("a healing without a target is one's own, and gives no more than was lost", () => {
  const { cast, enter, get } = startZone();
  enter("ann", 0, 0, undefined, 80);
  const { effects } = cast(10, "ann", "heal");
  assert.deepEqual(
    effects.map((one) => "amount" in one && one.amount),
    [false, 20],
  );
  assert.equal(get("ann").hp, 100);
});
