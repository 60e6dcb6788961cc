import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadCatalog } from "../../services/combat/catalog.ts";
import { parseZoneMap } from "../../services/world/zone-map.ts";

/** What the data files of one service say about those of another, which it may not import. */

const root = join(import.meta.dirname, "../..");
const zones = globSync("services/world/zones/*.json", { cwd: root }).map((file) =>
  parseZoneMap(readFileSync(join(root, file), "utf8")),
);

test("combat knows every kind of NPC that lives in the world", () => {
  const { npcs } = loadCatalog();
  const kinds = new Set(zones.flatMap((zone) => zone.npcs.map(({ kind }) => kind)));
  assert.ok(kinds.size > 0);
  assert.deepEqual(
    [...kinds].filter((kind) => !npcs.has(kind)),
    [],
  );
});

test("combat fights every zone of the world from the start", async () => {
  const { loadConfig } = await import("../../services/combat/config.ts");
  assert.deepEqual([...loadConfig({}).zones].sort(), zones.map(({ id }) => id).sort());
});
