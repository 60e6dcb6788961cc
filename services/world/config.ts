import { join } from "node:path";
import { integer, loadVariables, processVariables, text } from "#kit/config.ts";

const variables = {
  ...processVariables,
  /** The folder of the zones' data files. */
  zonesFolder: text("WORLD_ZONES", join(import.meta.dirname, "zones")),
  /** Seconds that a player stays in the world without a connection. */
  graceSeconds: integer("WORLD_GRACE_SECONDS", 15, 1, 3_600),
  /** Seconds that a reader may be behind before its stream ends. */
  patienceSeconds: integer("WORLD_PATIENCE_SECONDS", 10, 1, 600),
  /** Players in one zone. */
  maxPlayers: integer("WORLD_MAX_PLAYERS", 2_000, 1, 100_000),
  /** Milliseconds that a zone stays its owner's without a renewal: that long it stands still when the owner dies. */
  leaseMs: integer("WORLD_LEASE_MS", 4_000, 500, 60_000),
  /** Milliseconds between two saves of positions: so much is lost when the process is killed. */
  saveMs: integer("WORLD_SAVE_MS", 2_000, 100, 60_000),
};

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return loadVariables(variables, env);
}
