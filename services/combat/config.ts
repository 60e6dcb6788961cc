import { integer, list, loadVariables, optionalText, processVariables } from "#kit/config.ts";

const variables = {
  ...processVariables,
  /** The zones that are fought from the start. Others are when the first call names them. */
  zones: list("COMBAT_ZONES", ["meadow", "forest", "ruins"]),
  /** The zones where players may harm each other. */
  pvpZones: list("COMBAT_PVP_ZONES", []),
  /** Casts of one player: a second, and at once. */
  castsPerSecond: integer("COMBAT_CASTS_PER_S", 30, 1, 1_000_000),
  castsBurst: integer("COMBAT_CASTS_BURST", 50, 1, 1_000_000),
  /** Milliseconds between two times that the state of fights is stored. */
  saveMs: integer("COMBAT_SAVE_MS", 250, 10, 60_000),
  /** Seconds of silence on a stream before an empty message. */
  heartbeatSeconds: integer("COMBAT_HEARTBEAT_SECONDS", 15, 1, 60),
  /** A folder for a log of each zone, to be replayed. Absent: none is written. */
  recordDir: optionalText("COMBAT_RECORD_DIR"),
};

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return loadVariables(variables, env);
}
