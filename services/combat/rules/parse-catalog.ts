import {
  type Amount,
  type AuraKind,
  type Catalog,
  type Drop,
  type Kind,
  type School,
  type Skill,
  schools,
} from "./catalog.ts";

type Fields = Record<string, unknown>;

/**
 * Reads the catalog from the contents of skills.json and combatants.json.
 *
 * @throws Error that names the first field that is wrong.
 */
export function parseCatalog(skillsFile: unknown, combatantsFile: unknown): Catalog {
  const file = fieldsOf(skillsFile, "skills.json", ["skills", "auras"]);
  const auras = byId(listOf(file.auras, "auras").map((one, i) => parseAura(one, `auras[${i}]`)));
  const skills = byId(listOf(file.skills, "skills").map((one, i) => parseSkill(one, `skills[${i}]`, auras)));
  const kinds = fieldsOf(combatantsFile, "combatants.json", ["player", "npcs"]);
  const npcs = new Map(
    Object.entries(kinds.npcs as Fields).map(([id, one]) => [id, parseKind(id, one, `npcs.${id}`, skills)]),
  );
  if (!npcs.has("unknown")) throw new Error("npcs has no unknown: what a kind without stats is");
  return { skills, auras, player: parseKind("player", kinds.player, "player", skills), npcs };
}

function parseAura(given: unknown, at: string): AuraKind {
  const plain = ["id", "kind", "school", "durationMs", "maxStacks", "tickMs", "damagePerTick", "healingPerTick"];
  const fields = fieldsOf(given, at, [...plain, "absorbs", "stuns", "modifiers"]);
  const names = ["power", "critical", "armour", "resistance", "damageDealt", "damageTaken"];
  const modifiers = fieldsOf(fields.modifiers ?? {}, `${at}.modifiers`, names);
  const whole = (name: string, min: number, fallback?: number) =>
    wholeNumber(fields[name] ?? fallback, `${at}.${name}`, min);
  const aura = {
    id: text(fields.id, `${at}.id`),
    kind: oneOf(fields.kind, `${at}.kind`, ["buff", "debuff"] as const),
    school: oneOf(fields.school, `${at}.school`, schools),
    durationMs: whole("durationMs", 1),
    maxStacks: whole("maxStacks", 1),
    tickMs: whole("tickMs", 0, 0),
    damagePerTick: whole("damagePerTick", 0, 0),
    healingPerTick: whole("healingPerTick", 0, 0),
    absorbs: whole("absorbs", 0, 0),
    stuns: fields.stuns === true,
    modifiers: Object.fromEntries(
      names.map((name) => [name, wholeNumber(modifiers[name] ?? 0, `${at}.modifiers.${name}`, -1_000_000)]),
    ) as AuraKind["modifiers"],
  };
  if (aura.tickMs === 0 && aura.damagePerTick + aura.healingPerTick > 0) throw new Error(`${at}.tickMs must be given`);
  return aura;
}

function parseSkill(given: unknown, at: string, auras: Catalog["auras"]): Skill {
  const plain = ["id", "by", "school", "target", "rangeCm", "castMs", "cooldownMs", "interrupts"];
  const fields = fieldsOf(given, at, [...plain, "area", "damage", "healing", "aura"]);
  const whole = (name: string, min: number, fallback?: number) =>
    wholeNumber(fields[name] ?? fallback, `${at}.${name}`, min);
  const aura = fields.aura === undefined ? undefined : auras.get(text(fields.aura, `${at}.aura`));
  if (fields.aura !== undefined && !aura) throw new Error(`${at}.aura names no aura: ${fields.aura}`);
  const target = oneOf(fields.target, `${at}.target`, ["enemy", "ally", "self", "point"] as const);
  return {
    id: text(fields.id, `${at}.id`),
    by: oneOf(fields.by ?? "player", `${at}.by`, ["player", "npc"] as const),
    school: oneOf(fields.school, `${at}.school`, schools),
    target,
    rangeCm: target === "self" ? 0 : whole("rangeCm", 1),
    castMs: whole("castMs", 0, 0),
    cooldownMs: whole("cooldownMs", 1),
    ...(fields.area !== undefined && { area: parseArea(fields.area, `${at}.area`) }),
    ...(fields.damage !== undefined && { damage: parseAmount(fields.damage, `${at}.damage`) }),
    ...(fields.healing !== undefined && { healing: parseAmount(fields.healing, `${at}.healing`) }),
    ...(aura && { aura }),
    interrupts: fields.interrupts === true,
  };
}

function parseArea(given: unknown, at: string) {
  const { radiusCm, maxTargets, allies } = fieldsOf(given, at, ["radiusCm", "maxTargets", "allies"]);
  return {
    radiusCm: wholeNumber(radiusCm, `${at}.radiusCm`, 1),
    maxTargets: wholeNumber(maxTargets, `${at}.maxTargets`, 1),
    allies: allies === true,
  };
}

function parseAmount(given: unknown, at: string): Amount {
  const fields = fieldsOf(given, at, ["min", "max", "power"]);
  const min = wholeNumber(fields.min, `${at}.min`, 0);
  return {
    min,
    max: wholeNumber(fields.max, `${at}.max`, min),
    power: wholeNumber(fields.power ?? 0, `${at}.power`, 0),
  };
}

function parseKind(id: string, given: unknown, at: string, skills: Catalog["skills"]): Kind {
  const stats = ["maxHp", "power", "critical", "armour", "resistances"];
  const fields = fieldsOf(given, at, [...stats, "skills", "aggroCm", "leashCm", "drops", "respawnMs"]);
  const whole = (name: string, min: number, fallback?: number) =>
    wholeNumber(fields[name] ?? fallback, `${at}.${name}`, min);
  const resistances = fieldsOf(fields.resistances ?? {}, `${at}.resistances`, [...schools]);
  return {
    id,
    stats: {
      maxHp: whole("maxHp", 1),
      power: whole("power", 0),
      critical: whole("critical", 0),
      armour: whole("armour", 0),
      resistances: Object.fromEntries(
        schools.map((school) => [
          school,
          wholeNumber(resistances[school] ?? 0, `${at}.resistances.${school}`, -1_000_000),
        ]),
      ) as Record<School, number>,
      damageDealt: 0,
      damageTaken: 0,
    },
    skills: listOf(fields.skills ?? [], `${at}.skills`).map((name) => {
      const skill = skills.get(text(name, `${at}.skills`));
      if (skill?.by !== "npc") throw new Error(`${at}.skills names no skill of NPCs: ${name}`);
      return skill;
    }),
    aggroCm: whole("aggroCm", 0, 0),
    leashCm: whole("leashCm", 0, 0),
    drops: listOf(fields.drops ?? [], `${at}.drops`).map((one, i) => parseDrop(one, `${at}.drops[${i}]`)),
    respawnMs: whole("respawnMs", 0, 0),
  };
}

function parseDrop(given: unknown, at: string): Drop {
  const fields = fieldsOf(given, at, ["itemId", "chance", "min", "max"]);
  const min = wholeNumber(fields.min, `${at}.min`, 1);
  return {
    itemId: text(fields.itemId, `${at}.itemId`),
    chance: wholeNumber(fields.chance, `${at}.chance`, 0),
    min,
    max: wholeNumber(fields.max, `${at}.max`, min),
  };
}

function byId<T extends { id: string }>(items: T[]): Map<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    if (map.has(item.id)) throw new Error(`${item.id} is there twice`);
    map.set(item.id, item);
  }
  return map;
}

function fieldsOf(given: unknown, at: string, known: string[]): Fields {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new Error(`${at} must be an object`);
  const strange = Object.keys(given).find((name) => !known.includes(name));
  if (strange) throw new Error(`${at} has no field ${strange}; there are ${known.join(", ")}`);
  return given as Fields;
}

function listOf(given: unknown, at: string): unknown[] {
  if (!Array.isArray(given)) throw new Error(`${at} must be a list`);
  return given;
}

function text(given: unknown, at: string): string {
  if (typeof given !== "string" || !/^[a-z][a-z0-9_-]{0,63}$/.test(given)) throw new Error(`${at} must be a name`);
  return given;
}

function oneOf<T extends string>(given: unknown, at: string, values: readonly T[]): T {
  if (!values.includes(given as T)) throw new Error(`${at} must be one of ${values.join(", ")}`);
  return given as T;
}

function wholeNumber(given: unknown, at: string, min: number): number {
  if (!Number.isInteger(given) || (given as number) < min || (given as number) > 1_000_000)
    throw new Error(`${at} must be a whole number from ${min} to 1000000`);
  return given as number;
}
