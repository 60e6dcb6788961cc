/** The worked example of docs/changing-a-saga.md, by its own code: deployed while a purchase is under way. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { createLog } from "#kit/log.ts";
import { connectTemporal, sagaQueue, temporalNamespace, workflowTaskTimeout } from "#kit/temporal.ts";
import { root } from "../../stack/paths.ts";
import { bundle, bundleWorkflows } from "../../workflows/bundle.ts";
import { repairSignal } from "../../workflows/run-saga.ts";
import { createTemporalLog } from "../../workflows/temporal-log.ts";
import { changedCopy } from "../support/changed-copy.ts";
import { startEngine } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { order, scenarios } from "./scenarios.ts";
import { createScriptedActivities } from "./stage.ts";

const silent = createLog("test");
silent.level = "silent";
const repaired = scenarios.find(({ saga, name }) => saga === "purchase" && name === "repaired")!;

test("a purchase that waits for a person stands still under a change without a patch, and goes on its old way under one with it", async (t) => {
  const { temporalAddress: address } = await startEngine(t, "temporal");
  Runtime.install({
    shutdownSignals: [],
    logger: createTemporalLog(silent),
    telemetryOptions: { logging: { filter: "ERROR", forward: {} } },
  });
  const connection = await NativeConnection.connect({ address });
  const temporal = connectTemporal({ address, identity: "test" });
  t.after(() => Promise.all([connection.close(), temporal.close()]));
  const { activities, begin } = createScriptedActivities();
  const buy = (workflowId: string) =>
    temporal.ask((workflows) =>
      workflows.start("purchase", { workflowId, taskQueue: sagaQueue, workflowTaskTimeout, args: [order(workflowId)] }),
    );
  async function whileDeployed(workflowBundle: { code: string }, work: () => Promise<void>): Promise<void> {
    const taskQueue = sagaQueue;
    const worker = await Worker.create({
      connection,
      namespace: temporalNamespace,
      taskQueue,
      workflowBundle,
      activities,
    });
    await worker.runUntil(work);
  }
  const old = begin("old", repaired.script);
  const purchase = await buy("old");
  await whileDeployed(await bundleWorkflows(silent), async () => {
    await until("it needs repair", async () => old.includes("recordStatus NEEDS_REPAIR"));
  });
  await purchase.signal(repairSignal, "retry");

  await whileDeployed(await bundleChanged(t, "swapped"), async () => {
    await until("its history is not that of the new code", async () => {
      const { events } = await temporal.ask(() => purchase.fetchHistory());
      return events!.some((event) =>
        event.workflowTaskFailedEventAttributes?.failure?.message?.includes("Nondeterminism"),
      );
    });
  });
  assert.deepEqual(old, repaired.calls.slice(0, repaired.calls.indexOf("recordStatus NEEDS_REPAIR") + 1));

  await whileDeployed(await bundleChanged(t, "patched"), async () => {
    await temporal.ask(() => purchase.result(), 30_000);
    assert.deepEqual(old, repaired.calls);

    const calls = begin("new", {});
    const handle = await buy("new");
    await temporal.ask(() => handle.result(), 30_000);
    assert.deepEqual(
      calls.map((call) => call.split(" ")[0]),
      ["deductGold", "logPurchase", "addItem", "updateRevenue", "recordStatus"],
    );
  });
});

/** The workflows with the order of steps that the guide shows: the first of its pieces of code is swapped, the second patched. */
function bundleChanged(t: TestContext, change: "swapped" | "patched"): Promise<{ code: string }> {
  const guide = readFileSync(join(root, "docs/changing-a-saga.md"), "utf8");
  const [swapped, patched] = [...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!);
  const file = "workflows/purchase/workflow.ts";
  const [steps] = /^ *await saga\.step\("deduct_gold".*\n.*"add_item".*\n.*"log_purchase".*\n/m.exec(
    readFileSync(join(root, file), "utf8"),
  )!;
  const copy = changedCopy(
    t,
    ["workflows", "package.json"],
    [
      { file, from: "import { defineQuery, ", to: "import { defineQuery, patched, " },
      { file, from: steps, to: { swapped, patched }[change]! },
    ],
  );
  return bundle(join(copy, "workflows"), silent);
}
