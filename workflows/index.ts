/** All workflows, by the name under which they are started. */
export { purchase } from "./purchase/workflow.ts";
export { trade } from "./trade/workflow.ts";
