import { integer, loadVariables, processVariables } from "#kit/config.ts";

const variables = {
  ...processVariables,
  /** Milliseconds between two rounds of matching. */
  roundMs: integer("MATCH_ROUND_MS", 250, 10, 60_000),
  /** Milliseconds that a party has to confirm. */
  gatherMs: integer("MATCH_GATHER_MS", 60_000, 100, 3_600_000),
  /** Milliseconds that players have to get ready. */
  readyMs: integer("MATCH_READY_MS", 20_000, 100, 600_000),
  /** Milliseconds that anybody waits in a queue at the longest. */
  waitMs: integer("MATCH_WAIT_MS", 3_600_000, 1_000, 86_400_000),
  /** Milliseconds between two looks of a stream for news that Redis lost. */
  checkMs: integer("MATCH_CHECK_MS", 5_000, 100, 60_000),
  /** Seconds of silence on a stream before a heartbeat. */
  heartbeatSeconds: integer("MATCH_HEARTBEAT_SECONDS", 15, 1, 3_600),
};

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return loadVariables(variables, env);
}
