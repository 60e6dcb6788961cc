import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Catalog } from "../../../services/combat/rules/catalog.ts";
import { parseCatalog } from "../../../services/combat/rules/parse-catalog.ts";

/** Groups of players, each around something to hit, out of sight of the other groups. */
export const scene = { groups: 20, playersInGroup: 5, apartCm: 10_000 };

export const playerId = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
export const targetId = (group: number): string => `meadow.dummy.${group}`;
export const groupOf = (number: number): number => Math.floor(number / scene.playersInGroup);
export const playerCount = scene.groups * scene.playersInGroup;
export const placeOf = (group: number) => ({ x: group * scene.apartCm, y: 0 });

/** The game's catalog, but that `strike` may be cast as fast as it goes, at something that does not die of it. */
export function trainingCatalog(): Catalog {
  const folder = join(import.meta.dirname, "../../../services/combat");
  const [skills, combatants] = ["skills.json", "combatants.json"].map((name) =>
    JSON.parse(readFileSync(join(folder, name), "utf8")),
  );
  combatants.npcs.dummy = { maxHp: 1_000_000, power: 0, critical: 0, armour: 1_000_000 };
  const catalog = parseCatalog(skills, combatants);
  catalog.skills.get("strike")!.cooldownMs = 0;
  return catalog;
}
