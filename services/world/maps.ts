import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkWorld, parseZoneMap, type ZoneMap } from "./zone-map.ts";

/** Reads every zone of a folder. @throws Error that names the file and the fault. */
export function loadMaps(folder: string): ZoneMap[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort();
  const maps = files.map((name) => {
    try {
      return parseZoneMap(readFileSync(join(folder, name), "utf8"));
    } catch (error) {
      throw new Error(`${join(folder, name)}: ${(error as Error).message}`);
    }
  });
  checkWorld(maps);
  return maps;
}
