import { integer, loadVariables, optionalText, processVariables } from "#kit/config.ts";

const variables = {
  ...processVariables,
  /** A JSON file of what there is, see catalogue.ts. Absent: catalogue.json beside it. */
  catalogueFile: optionalText("INVENTORY_CATALOGUE_FILE"),
  /** How many different items a bag can hold. */
  capacity: integer("INVENTORY_BAG_CAPACITY", 20, 1, 1_000),
};

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return loadVariables(variables, env);
}
