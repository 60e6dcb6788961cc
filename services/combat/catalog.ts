import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Catalog } from "./rules/catalog.ts";
import { parseCatalog } from "./rules/parse-catalog.ts";

const files = ["skills.json", "combatants.json"] as const;

/**
 * The skills and combatants of the game, from the files beside this one.
 *
 * @throws Error that names the file's first field that is wrong.
 */
export function loadCatalog(): Catalog {
  const [skills, combatants] = files.map((name) => JSON.parse(readFileSync(join(import.meta.dirname, name), "utf8")));
  return parseCatalog(skills, combatants);
}

/** Tells one catalog from another: a log of fights can be played again with its own only. */
export function catalogDigest(): string {
  const hash = createHash("sha256");
  for (const name of files)
    hash.update(JSON.stringify(JSON.parse(readFileSync(join(import.meta.dirname, name), "utf8"))));
  return hash.digest("hex");
}
