import { proxyActivities, proxyLocalActivities } from "@temporalio/workflow";

interface Nothing {
  nothing(): Promise<void>;
}
const options = { startToCloseTimeout: "10s" } as const;
const activities = proxyActivities<Nothing>(options);
const localActivities = proxyLocalActivities<Nothing>(options);

/** The least that a saga of four steps can cost: four activities that do nothing. */
export async function fourActivities(): Promise<void> {
  for (let i = 0; i < 4; i++) await activities.nothing();
}

/** And as local activities. */
export async function fourLocalActivities(): Promise<void> {
  for (let i = 0; i < 4; i++) await localActivities.nothing();
}
