/** For the tests of the rules: a small catalog with round numbers, and a zone that is easy to talk to. */
import { apply, type Command, type Outcome } from "./apply.ts";
import type { Effect } from "./effect.ts";
import type { Obstacle } from "./geometry.ts";
import { parseCatalog } from "./parse-catalog.ts";
import { type Combatant, copyZone, createZone, type Zone } from "./zone.ts";

const enemy = { school: "physical", target: "enemy", rangeCm: 1_000, cooldownMs: 1_000 };

export const catalog = parseCatalog(
  {
    skills: [
      { ...enemy, id: "hit", damage: { min: 10, max: 10 } },
      { ...enemy, id: "kill", damage: { min: 100_000, max: 100_000 } },
      { ...enemy, id: "kick", damage: { min: 1, max: 1 }, interrupts: true },
      { ...enemy, id: "bolt", school: "frost", castMs: 1_500, damage: { min: 20, max: 20 } },
      { ...enemy, id: "poke", aura: "bleeding" },
      { ...enemy, id: "curse", aura: "weak" },
      { ...enemy, id: "stun", aura: "stunned" },
      { ...enemy, id: "heal", target: "ally", healing: { min: 30, max: 30 } },
      { ...enemy, id: "shield", target: "ally", aura: "shielded" },
      { ...enemy, id: "blast", target: "point", area: { radiusCm: 200, maxTargets: 2 }, damage: { min: 10, max: 10 } },
      { ...enemy, id: "cheer", target: "self", area: { radiusCm: 200, maxTargets: 9, allies: true }, aura: "strong" },
      {
        ...enemy,
        id: "whirl",
        by: "npc",
        target: "self",
        area: { radiusCm: 200, maxTargets: 9 },
        damage: { min: 7, max: 7 },
      },
      { ...enemy, id: "gnaw", by: "npc", rangeCm: 300, damage: { min: 5, max: 5 } },
    ],
    auras: [
      {
        id: "bleeding",
        kind: "debuff",
        school: "physical",
        durationMs: 3_000,
        maxStacks: 3,
        tickMs: 1_000,
        damagePerTick: 4,
      },
      {
        id: "weak",
        kind: "debuff",
        school: "physical",
        durationMs: 3_000,
        maxStacks: 1,
        modifiers: { damageTaken: 500 },
      },
      { id: "stunned", kind: "debuff", school: "physical", durationMs: 2_000, maxStacks: 1, stuns: true },
      { id: "shielded", kind: "buff", school: "holy", durationMs: 5_000, maxStacks: 1, absorbs: 15 },
      {
        id: "strong",
        kind: "buff",
        school: "physical",
        durationMs: 5_000,
        maxStacks: 2,
        modifiers: { damageDealt: 1_000 },
      },
    ],
  },
  {
    player: { maxHp: 100, power: 0, critical: 0, armour: 0, respawnMs: 5_000 },
    npcs: {
      unknown: { maxHp: 1, power: 0, critical: 0, armour: 0 },
      dummy: { maxHp: 1_000, power: 0, critical: 0, armour: 0, resistances: { frost: 500 } },
      bear: { maxHp: 500, power: 0, critical: 0, armour: 0, skills: ["whirl"], aggroCm: 500, leashCm: 1_000 },
      rat: {
        maxHp: 50,
        power: 0,
        critical: 0,
        armour: 0,
        skills: ["gnaw"],
        aggroCm: 500,
        leashCm: 1_000,
        drops: [
          { itemId: "tail", chance: 1_000, min: 2, max: 2 },
          { itemId: "crown", chance: 0, min: 1, max: 1 },
        ],
      },
    },
  },
);

/** Effects without what a test doesn't ask about: when, and by whom. */
export const kindsOf = (effects: Effect[]) => effects.map(({ kind }) => kind);

/** A zone with `ann` and `bob`, players, and `doll`, an NPC that does nothing, all within 10 m. */
export function startZone(options: { obstacles?: Obstacle[]; pvp?: boolean; seed?: number } = {}) {
  const { obstacles = [], pvp = false, seed = 7 } = options;
  const zone: Zone = createZone({ catalog, obstacles, pvp }, seed);
  const at = (now: number, command: Command): Outcome => apply(zone, command, now);
  const enter = (id: string, x: number, y: number, kind?: string, hp?: number) =>
    at(zone.now, { type: "enter", id, x, y, ...(kind && { kind }), ...(hp !== undefined && { hp }) });
  enter("ann", 0, 0);
  enter("bob", 100, 0);
  enter("doll", 500, 0, "dummy");
  return {
    zone,
    at,
    enter,
    cast: (now: number, id: string, skill: string, target?: string) => at(now, { type: "cast", id, skill, target }),
    wait: (now: number) => at(now, { type: "wait" }).effects,
    get: (id: string): Combatant => zone.combatants.get(id)!,
    copy: () => copyZone(zone),
  };
}
