import { randomUUID } from "node:crypto";
import { createLog } from "#kit/log.ts";
import { connectTemporal, sagaQueue, workflowTaskTimeout } from "#kit/temporal.ts";
import type { SagaReport } from "../../workflows/activities.ts";
import { startSagaWorker } from "../../workflows/worker.ts";
import { until } from "../support/until.ts";
import { order, type Scenario, type Script, tradeOffer } from "./scenarios.ts";

/** What every activity of the sagas is called. */
const activityNames = [
  ...["deductGold", "refundGold", "addItem", "removeAddedItem", "logPurchase", "strikePurchase"],
  ...["updateRevenue", "revertRevenue", "reserveItems", "releaseItems", "exchangeItems", "takeGold", "returnGold"],
  ...["giveGold", "setTradeStatus", "recordStatus"],
];

/** Activities that do what the script of their saga says, and note that they were called. */
export function createScriptedActivities() {
  const scripts = new Map<string, { script: Script; calls: string[] }>();

  function perform(name: string, first: string | SagaReport, second: unknown): boolean {
    const id = typeof first === "string" ? first.split("/")[0]! : first.sagaId;
    const { script, calls } = scripts.get(id)!;
    const what = typeof first === "string" ? (first.split("/")[1] ?? second) : first.status;
    calls.push(`${name} ${what}`);
    script[name]?.(calls.filter((call) => call.startsWith(`${name} `)).length);
    return true;
  }
  return {
    activities: Object.fromEntries(
      activityNames.map((name) => [name, async (first: string, second: unknown) => perform(name, first, second)]),
    ),
    /** Gives a saga its script, and returns its calls, which grow. */
    begin(workflowId: string, script: Script): string[] {
      const calls: string[] = [];
      scripts.set(workflowId, { script, calls });
      return calls;
    },
  };
}

/** A real Temporal at `address` with our worker, on which sagas run against scripted activities. Once a process. */
export async function createStage(address: string) {
  const log = createLog("stage");
  log.level = "silent";
  const { activities, begin } = createScriptedActivities();
  const worker = startSagaWorker({ address, identity: "stage", activities, log });
  const temporal = connectTemporal({ address, identity: "stage" });
  await worker.joined;

  return {
    temporal,
    /** For a saga that is begun elsewhere; returns its calls, which grow. */
    script: begin,
    /** Plays a scenario to its end. */
    async play({ saga, script, meanwhile }: Scenario): Promise<{ workflowId: string; calls: string[] }> {
      const workflowId = `${saga}-${randomUUID()}`;
      const calls = begin(workflowId, script);
      const args = saga === "purchase" ? [order(workflowId)] : [tradeOffer()];
      const handle = await temporal.ask(
        (workflows) => workflows.start(saga, { workflowId, taskQueue: sagaQueue, workflowTaskTimeout, args }),
        20_000,
      );
      await meanwhile?.(handle, async (call) => void (await until(call, async () => calls.includes(call), 60_000)));
      await temporal.ask(() => handle.result(), 60_000);
      return { workflowId, calls };
    },
    async close() {
      await worker.stop();
      await temporal.close();
    },
  };
}
