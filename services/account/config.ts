import { integer, loadVariables, processVariables } from "#kit/config.ts";

const variables = {
  ...processVariables,
  /** Whole gold that a new player has. */
  startingGold: integer("ACCOUNT_STARTING_GOLD", 1_000, 0, 1_000_000_000_000),
};

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return loadVariables(variables, env);
}
