import { loadVariables, processVariables } from "#kit/config.ts";

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return loadVariables(processVariables, env);
}
