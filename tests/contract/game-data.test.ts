import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadCatalog } from "../../services/combat/catalog.ts";
import { loadCatalogue } from "../../services/inventory/catalogue.ts";
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

test("inventory knows every item that combat lets fall", () => {
  const known = loadCatalogue(undefined);
  const dropped = [...loadCatalog().npcs.values()].flatMap(({ drops }) => drops.map(({ itemId }) => itemId));
  assert.ok(dropped.length > 0);
  assert.deepEqual(
    dropped.filter((itemId) => !known.has(itemId)),
    [],
  );
});
