import { integer, loadVariables, processVariables } from "#kit/config.ts";

const variables = {
  ...processVariables,
  /** Days for which events are kept. */
  eventDays: integer("ANALYTICS_EVENT_DAYS", 30, 1, 3_650),
};

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return loadVariables(variables, env);
}
