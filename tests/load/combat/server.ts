/** Combat as it is, but for a world that stands still: DATABASE_URL is its database, its first line of output the port. */
import { join } from "node:path";
import { CombatService } from "#gen/game/combat/v1/combat_service_pb.ts";
import { createEndedSessions } from "#kit/ended-sessions.ts";
import { createLog } from "#kit/log.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { startServer } from "#kit/serve.ts";
import { createCombatService } from "../../../services/combat/combat.ts";
import { startCombat } from "../../../services/combat/parts.ts";
import { createPostgresCombatStore } from "../../../services/combat/store.ts";
import { createTestWorld, zoneId } from "../../../services/combat/test-world.ts";
import { groupOf, placeOf, playerCount, playerId, scene, targetId, trainingCatalog } from "./scene.ts";

const log = createLog("combat");
log.level = "warn";
const migrations = [kitMigrations, join(import.meta.dirname, "../../../services/combat/migrations")];
const database = openDatabase({ url: process.env.DATABASE_URL!, name: "combat", migrations, log });
const world = createTestWorld();
for (let group = 0; group < scene.groups; group++) {
  const { x, y } = placeOf(group);
  world.put(targetId(group), x, y, "dummy");
}
for (let number = 0; number < playerCount; number++) {
  const { x, y } = placeOf(groupOf(number));
  world.put(playerId(number), x + 100, y + 10 * (number % scene.playersInGroup));
}
const combat = startCombat({
  sessions: createEndedSessions(),
  store: createPostgresCombatStore(database),
  world,
  migrated: database.migrated,
  stored: () => undefined,
  limits: {
    zones: [zoneId],
    pvpZones: [],
    castsPerSecond: 1_000_000,
    castsBurst: 1_000_000,
    saveMs: 250,
    heartbeatSeconds: 15,
    recordDir: undefined,
  },
  log,
  catalog: trainingCatalog(),
});
const server = await startServer({
  name: "combat",
  listen: { host: "127.0.0.1", port: 0 },
  log,
  services: [CombatService],
  routes: (router) => router.service(CombatService, createCombatService(combat)),
  probes: {},
  started: combat.started,
});
await combat.started;
while (!combat.arenas.open.get(zoneId)?.here) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(server.address.port);
process.on("SIGTERM", () => process.exit(0));
