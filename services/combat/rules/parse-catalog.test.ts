import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCatalog } from "../catalog.ts";
import { parseCatalog } from "./parse-catalog.ts";

const aura = { id: "hot", kind: "debuff", school: "fire", durationMs: 1, maxStacks: 1 };
const skill = { id: "hit", school: "fire", target: "enemy", rangeCm: 1, cooldownMs: 1 };
const kind = { maxHp: 1, power: 0, critical: 0, armour: 0 };
const combatants = { player: kind, npcs: { unknown: kind } };

test("the game's own files are whole: players have skills of every school, and NPCs something to fight with", () => {
  const { skills, npcs } = loadCatalog();
  const players = [...skills.values()].filter(({ by }) => by === "player");
  assert.ok(players.length >= 12);
  assert.ok(new Set(players.map(({ school }) => school)).size >= 4);
  for (const { id, skills } of npcs.values()) assert.ok(skills.length > 0, id);
});

const faults: [skills: unknown, combatants: unknown, message: string][] = [
  [[], combatants, "skills.json must be an object"],
  [{ skills: [], auras: {} }, combatants, "auras must be a list"],
  [{ skills: [skill, skill], auras: [] }, combatants, "hit is there twice"],
  [{ skills: [{ ...skill, id: "Hit!" }], auras: [] }, combatants, "skills[0].id must be a name"],
  [{ skills: [{ ...skill, aura: "hot" }], auras: [] }, combatants, "skills[0].aura names no aura: hot"],
  [
    { skills: [{ ...skill, rangeCm: 1.5 }], auras: [] },
    combatants,
    "skills[0].rangeCm must be a whole number from 1 to 1000000",
  ],
  [
    { skills: [{ ...skill, school: "void" }], auras: [] },
    combatants,
    "skills[0].school must be one of physical, fire, frost, nature, holy",
  ],
  [
    { skills: [{ ...skill, damage: { min: 5, max: 4 } }], auras: [] },
    combatants,
    "skills[0].damage.max must be a whole number from 5 to 1000000",
  ],
  [
    { skills: [{ ...skill, range: 1 }], auras: [] },
    combatants,
    "skills[0] has no field range; there are id, by, school, target, rangeCm, castMs, cooldownMs, interrupts, area, damage, healing, aura",
  ],
  [{ skills: [], auras: [{ ...aura, damagePerTick: 1 }] }, combatants, "auras[0].tickMs must be given"],
  [{ skills: [], auras: [] }, { ...combatants, npcs: {} }, "npcs has no unknown: what a kind without stats is"],
  [
    { skills: [skill], auras: [] },
    { player: kind, npcs: { unknown: { ...kind, skills: ["hit"] } } },
    "npcs.unknown.skills names no skill of NPCs: hit",
  ],
];
for (const [skills, fighters, message] of faults)
  test(`refused: ${message}`, () => {
    assert.throws(() => parseCatalog(skills, fighters), { message });
  });
