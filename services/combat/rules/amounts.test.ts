import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { mitigate, previewDamage, roll } from "./amounts.ts";
import { type Skill, type Stats, schools } from "./catalog.ts";
import { catalog } from "./test-zone.ts";

const plain = catalog.player.stats;

test("armour of 1000 halves physical damage, and does nothing against the rest", () => {
  const armoured = { ...plain, armour: 1_000 };
  assert.equal(mitigate(100, "physical", armoured), 50);
  assert.equal(mitigate(100, "fire", armoured), 100);
});

test("resistances take their share, from half as much again to a quarter left", () => {
  const against = (frost: number) => mitigate(100, "frost", { ...plain, resistances: { ...plain.resistances, frost } });
  assert.deepEqual([against(0), against(300), against(750), against(5_000), against(-5_000)], [100, 70, 25, 25, 150]);
});

test("a blow is felt, however strong the armour, but not by who takes no damage", () => {
  assert.equal(mitigate(1, "physical", { ...plain, armour: 100_000 }), 1);
  assert.equal(mitigate(1_000, "physical", { ...plain, damageTaken: -1_000 }), 0);
});

const stats: fc.Arbitrary<Stats> = fc.record({
  maxHp: fc.integer({ min: 1, max: 10_000 }),
  power: fc.integer({ min: -100, max: 1_000 }),
  critical: fc.integer({ min: -100, max: 1_100 }),
  armour: fc.integer({ min: -500, max: 5_000 }),
  resistances: fc.record(Object.fromEntries(schools.map((one) => [one, fc.integer({ min: -900, max: 1_200 })]))),
  damageDealt: fc.integer({ min: -1_500, max: 3_000 }),
  damageTaken: fc.integer({ min: -1_500, max: 3_000 }),
}) as fc.Arbitrary<Stats>;

test("what is rolled lies within what the preview says", () => {
  const skill = catalog.skills.get("hit")!;
  fc.assert(
    fc.property(
      stats,
      stats,
      fc.constantFrom(...schools),
      fc.nat(50),
      fc.nat(50),
      fc.integer(),
      (caster, target, school, min, more, seed) => {
        const one: Skill = { ...skill, school, damage: { min, max: min + more, power: 700 } };
        const preview = previewDamage(one, caster, target);
        const { amount, critical } = roll(xoroshiro128plus(seed), one.damage!, caster);
        const taken = mitigate(amount, school, target);
        assert.ok(Number.isSafeInteger(taken) && taken >= 0);
        if (critical)
          assert.ok(preview.criticalMin <= taken && taken <= preview.criticalMax && preview.criticalChance > 0);
        else assert.ok(preview.min <= taken && taken <= preview.max && preview.criticalChance < 1_000);
      },
    ),
  );
});

test("critical hits are as often as they should be, and half as much again", () => {
  const random = xoroshiro128plus(3);
  const hits = Array.from({ length: 10_000 }, () =>
    roll(random, { min: 10, max: 10, power: 0 }, { ...plain, critical: 250 }),
  );
  const critical = hits.filter((hit) => hit.critical);
  assert.ok(Math.abs(critical.length - 2_500) < 150, `${critical.length} of 10000`);
  assert.ok(critical.every(({ amount }) => amount === 15));
});
