import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { apply, type Command } from "./apply.ts";
import type { Effect } from "./effect.ts";
import { catalog } from "./test-zone.ts";
import { copyZone, createZone, describeZone, type Zone } from "./zone.ts";

/** Whatever comes in: any command of anybody, about anybody, in any order. */
const id = fc.constantFrom("ann", "bob", "cat", "rat-1", "rat-2", "doll");
const at = { x: fc.integer({ min: 0, max: 900 }), y: fc.integer({ min: 0, max: 900 }) };
const skill = fc.constantFrom(...catalog.skills.keys(), "nonsense");
const entering = fc.record({
  type: fc.constant("enter" as const),
  id,
  ...at,
  hp: fc.constantFrom(undefined, 0, 1, 40),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 2,
    arbitrary: entering.map(({ hp, ...one }) => ({ ...one, ...kindOf(one.id), ...(hp !== undefined && { hp }) })),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("leave" as const), id }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("move" as const), id, ...at }) },
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("cast" as const),
      id,
      skill,
      target: fc.option(id, { nil: undefined }),
      point: fc.option(fc.record(at), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("aura" as const),
      id,
      aura: fc.constantFrom(...catalog.auras.keys()),
      source: id,
    }),
  },
);
const history = fc.array(fc.tuple(fc.nat(1_500), command), { maxLength: 120 });
const kindOf = (id: string) => (id.startsWith("rat") ? { kind: "rat" } : id === "doll" ? { kind: "dummy" } : {});

function start(seed: number): Zone {
  const zone = createZone({ catalog, obstacles: [{ minX: 400, minY: 0, maxX: 420, maxY: 500 }], pvp: true }, seed);
  for (const who of ["ann", "bob", "rat-1", "doll"])
    apply(zone, { type: "enter", id: who, x: 300, y: 300, ...kindOf(who) }, 0);
  return zone;
}

/** Plays a history; `between` sees the zone before each command. */
function play(
  zone: Zone,
  steps: [number, Command][],
  between: (now: number, pause: number) => Effect[] = () => [],
): Effect[] {
  let now = zone.now;
  return steps.flatMap(([pause, one]) => {
    const before = between(now, pause);
    now += pause;
    return [...before, ...apply(zone, one, now).effects];
  });
}

test("the same seed and commands give the same effects and the same state; a copy goes its own way", () => {
  fc.assert(
    fc.property(fc.integer(), history, history, (seed, first, second) => {
      const [one, other] = [start(seed), start(seed)];
      assert.deepEqual(play(one, first), play(other, first));
      const copy = copyZone(one);
      const played = play(one, second);
      assert.deepEqual(play(copy, second), played);
      assert.equal(describeZone(copy), describeZone(one));
      assert.deepEqual(play(other, second), played);
      assert.equal(describeZone(other), describeZone(one));
    }),
  );
});

test("how often somebody looks changes nothing", () => {
  fc.assert(
    fc.property(fc.integer(), history, fc.integer({ min: 1, max: 400 }), (seed, steps, every) => {
      const [seldom, often] = [start(seed), start(seed)];
      const look = (now: number, pause: number) => {
        const seen: Effect[] = [];
        for (let t = now + every; t < now + pause; t += every) seen.push(...apply(often, { type: "wait" }, t).effects);
        return seen;
      };
      assert.deepEqual(play(often, steps, look), play(seldom, steps));
      assert.equal(describeZone(often), describeZone(seldom));
    }),
  );
});

test("health stays within its bounds, the dead do nothing, and what happened comes in order", () => {
  fc.assert(
    fc.property(fc.integer(), history, (seed, steps) => {
      const zone = start(seed);
      let last = 0;
      for (const effect of play(zone, steps)) {
        assert.ok(effect.at >= last, "in order");
        last = effect.at;
        if ("amount" in effect) assert.ok(Number.isSafeInteger(effect.amount) && effect.amount >= 0);
      }
      for (const one of zone.combatants.values()) {
        assert.ok(Number.isSafeInteger(one.hp) && one.hp >= 0 && one.hp <= one.kind.stats.maxHp);
        assert.equal(one.dead, one.hp === 0);
        if (one.dead) assert.deepEqual([one.auras, one.casting], [[], undefined]);
      }
    }),
  );
});

test("a death comes once a life", () => {
  fc.assert(
    fc.property(fc.integer(), history, (seed, steps) => {
      const dead = new Set<string>();
      const zone = start(seed);
      const note = (effects: Effect[]) => {
        for (const { kind, target } of effects)
          if (kind === "death") {
            assert.ok(!dead.has(target));
            dead.add(target);
          }
      };
      let now = 0;
      for (const [pause, one] of steps) {
        now += pause;
        note(apply(zone, { type: "wait" }, now).effects);
        if (one.type === "enter") dead.delete(one.id);
        note(apply(zone, one, now).effects);
      }
    }),
  );
});

test("time does not go back", () => {
  const zone = start(1);
  apply(zone, { type: "wait" }, 5_000);
  const { effects } = apply(zone, { type: "cast", id: "ann", skill: "hit", target: "doll" }, 10);
  assert.ok(effects.length > 0 && effects.every(({ at }) => at === 5_000));
});
