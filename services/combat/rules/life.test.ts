import assert from "node:assert/strict";
import { test } from "node:test";
import { kindsOf, startZone } from "./test-zone.ts";

test("an NPC attacks who comes near, and who hurts it", () => {
  const { wait, at, get, enter } = startZone();
  enter("rat", 0, 800, "rat");
  assert.deepEqual(wait(3_000), [], "nobody is within its 5 m");
  at(3_000, { type: "move", id: "ann", x: 0, y: 550 });
  const effects = wait(6_000);
  assert.ok(effects.length > 0 && effects.every(({ source, target }) => source === "rat" && target === "ann"));
  assert.ok(get("ann").hp < 100);
});

test("it wastes no blow around itself on who stands farther off", () => {
  const { wait, at, enter } = startZone();
  enter("bear", 0, 300, "bear");
  assert.deepEqual(wait(5_000), []);
  at(5_000, { type: "move", id: "ann", x: 0, y: 150 });
  assert.ok(wait(8_000).some((one) => one.kind === "damage" && one.by === "whirl" && one.target === "ann"));
});

test("it sees nobody through a wall", () => {
  const { wait, enter } = startZone({ obstacles: [{ minX: -500, minY: 200, maxX: 500, maxY: 210 }] });
  enter("rat", 0, 300, "rat");
  assert.deepEqual(wait(10_000), []);
});

test("it attacks whom it hates most, and a healer becomes hated", () => {
  const { cast, wait, enter, get } = startZone();
  enter("rat", 50, 0, "rat", 50);
  enter("bob", 100, 0, undefined, 10);
  cast(0, "ann", "hit", "rat");
  const first = wait(1_000).filter(({ kind }) => kind === "damage");
  assert.deepEqual(new Set(first.map(({ target }) => target)), new Set(["ann"]));
  enter("ann", 0, 0, undefined, 5);
  cast(1_000, "bob", "heal", "ann");
  assert.equal(get("rat").hatred.get("bob"), 15);
  const second = wait(3_000).filter(({ kind }) => kind === "damage");
  assert.ok(second.length > 0 && second.every(({ target }) => target === "bob"));
});

test("it lets off who runs far, leaves or dies, and recovers", () => {
  const { cast, wait, at, enter, get } = startZone();
  enter("rat", 50, 0, "rat");
  cast(0, "ann", "hit", "rat");
  at(100, { type: "move", id: "ann", x: 3_000, y: 0 });
  at(100, { type: "move", id: "bob", x: 3_000, y: 0 });
  const effects = wait(60_000);
  assert.equal(get("rat").hatred.size, 0);
  assert.deepEqual(new Set(kindsOf(effects)), new Set(["healing"]));
  assert.equal(get("rat").hp, 50);
});

test("a player who is hurt recovers after a while, not in the fight", () => {
  const { wait, enter, cast, get } = startZone({ pvp: true });
  cast(0, "bob", "hit", "ann");
  assert.deepEqual(wait(7_900), []);
  wait(120_000);
  assert.equal(get("ann").hp, 100);
  enter("ann", 0, 0, undefined, 40);
  wait(200_000);
  assert.equal(get("ann").hp, 100, "who comes in wounded too");
});

test("an NPC that dies drops what its kind drops, for who did most to it, and lies still", () => {
  const { cast, wait, enter, at } = startZone();
  enter("rat", 50, 0, "rat");
  cast(0, "bob", "hit", "rat");
  cast(10, "ann", "hit", "rat");
  cast(1_010, "ann", "hit", "rat");
  const { effects } = cast(1_020, "bob", "kill", "rat");
  assert.deepEqual(
    effects.slice(1).map((one) => ({ ...one, at: 0, school: undefined })),
    [
      {
        at: 0,
        source: "bob",
        target: "rat",
        kind: "damage",
        by: "kill",
        school: undefined,
        amount: 20,
        absorbed: 0,
        critical: false,
        hp: 0,
      },
      { at: 0, source: "bob", target: "rat", kind: "death", by: "kill", school: undefined },
      { at: 0, source: "rat", target: "bob", kind: "drop", itemId: "tail", quantity: 2, school: undefined },
    ],
  );
  assert.deepEqual(
    wait(60_000).filter(({ source }) => source === "rat"),
    [],
  );
  at(60_000, { type: "enter", id: "rat", kind: "rat", x: 50, y: 0 });
  assert.ok(
    wait(65_000).some(({ source, kind }) => source === "rat" && kind === "damage"),
    "its next life",
  );
});

test("a player who dies may live again after a while, does so when the world says so, and is whole then", () => {
  const { enter, wait, cast, get } = startZone({ pvp: true });
  const { effects } = cast(0, "bob", "kill", "ann");
  assert.deepEqual(kindsOf(effects), ["cast", "damage", "death"]);
  assert.deepEqual(wait(4_999), []);
  assert.deepEqual(wait(60_000), [{ at: 5_000, kind: "revival", source: "ann", target: "ann" }]);
  assert.equal(cast(60_000, "ann", "hit", "doll").cast?.refused, "caster_dead");
  const [respawn] = enter("ann", 900, 900).effects;
  assert.deepEqual([respawn?.kind, get("ann").hp, get("ann").dead], ["respawn", 100, false]);
});

test("who comes back to a zone finds no skill cooled down by it", () => {
  const { cast, enter } = startZone();
  cast(0, "ann", "hit", "doll");
  enter("ann", 0, 0);
  assert.equal(cast(500, "ann", "hit", "doll").cast?.refused, "on_cooldown");
});
