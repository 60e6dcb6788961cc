import assert from "node:assert/strict";
import { test } from "node:test";
import { kindsOf, startZone } from "./test-zone.ts";

test("a debuff hurts every so often, until it ends, its last tick included", () => {
  const { cast, wait, get } = startZone();
  cast(0, "ann", "poke", "doll");
  const effects = wait(10_000);
  assert.deepEqual(
    effects.map(({ at, kind }) => [at, kind]),
    [
      [1_000, "damage"],
      [2_000, "damage"],
      [3_000, "damage"],
      [3_000, "aura_ended"],
    ],
  );
  assert.deepEqual([get("doll").hp, get("doll").auras], [988, []]);
});

test("it stacks up to its most, and each new stack begins its time anew without a tick more", () => {
  const { cast, wait, get } = startZone();
  for (const [now, who] of [
    [0, "ann"],
    [500, "bob"],
    [1_500, "ann"],
    [2_500, "ann"],
  ] as const)
    cast(now, who, "poke", "doll");
  assert.equal(get("doll").auras[0]?.stacks, 3);
  const ends = wait(6_000).filter(({ kind }) => kind === "aura_ended");
  assert.deepEqual(
    ends.map(({ at }) => at),
    [5_500],
  );
  // ticks at 1, 2, 3, 4, 5 s of 2, 3, 3, 3, 3 stacks of 4
  assert.equal(get("doll").hp, 1_000 - 4 * (2 + 3 + 3 + 3 + 3));
});

test("a debuff changes what its target takes, a buff what its bearer deals, and both end", () => {
  const { cast, wait, get } = startZone();
  cast(0, "ann", "curse", "doll");
  cast(0, "bob", "hit", "doll");
  assert.equal(get("doll").hp, 985);
  cast(0, "ann", "cheer");
  cast(1_000, "bob", "hit", "doll");
  assert.equal(get("doll").hp, 955);
  wait(9_000);
  cast(9_000, "bob", "hit", "doll");
  assert.equal(get("doll").hp, 945);
});

test("a shield takes damage on itself before health does, and says so", () => {
  const { cast, get } = startZone({ pvp: true });
  cast(0, "bob", "shield", "bob");
  const [, first] = cast(10, "ann", "hit", "bob").effects;
  const [, second] = cast(1_010, "ann", "hit", "bob").effects;
  assert.deepEqual(
    [first, second].map((one) => one?.kind === "damage" && [one.absorbed, one.amount]),
    [
      [10, 0],
      [5, 5],
    ],
  );
  assert.equal(get("bob").hp, 95);
});

test("who is stunned does nothing until it is over", () => {
  const { cast } = startZone({ pvp: true });
  cast(0, "ann", "stun", "bob");
  assert.equal(cast(1_999, "bob", "hit", "doll").cast?.refused, "caster_stunned");
  assert.equal(cast(2_000, "bob", "hit", "doll").cast?.refused, undefined);
});

test("death takes the auras along, and who dealt them may have left", () => {
  const { cast, at, wait } = startZone();
  cast(0, "ann", "poke", "doll");
  at(500, { type: "leave", id: "ann" });
  assert.deepEqual(
    wait(1_000).map(({ source, kind }) => [source, kind]),
    [["ann", "damage"]],
  );
  cast(1_100, "bob", "kill", "doll");
  assert.deepEqual(kindsOf(wait(9_000)), []);
});
