/** The sagas on a real Temporal, with activities that do what a scenario says; and the histories that are kept, replayed. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ReplayWorkerOptions, Worker } from "@temporalio/worker";
import { PurchaseStatus, PurchaseStepStatus } from "#gen/game/inventory/v1/purchase_pb.ts";
import { createTemporalPurchases } from "../../services/inventory/purchases.ts";
import { bundleWorkflows } from "../../workflows/bundle.ts";
import { createTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { refuse, scenarios } from "./scenarios.ts";
import { createStage } from "./stage.ts";

describe("each saga does its steps, and their undoing, in order", () => {
  let stack: Awaited<ReturnType<typeof createTestStack>>;
  let stage: Awaited<ReturnType<typeof createStage>>;

  before(async () => {
    stack = await createTestStack({ only: ["temporal"] });
    stage = await createStage(stack.temporalAddress);
  });
  after(async () => {
    await stage?.close();
    await stack?.stop();
  });

  for (const scenario of scenarios)
    test(`${scenario.saga}, ${scenario.name}`, async () => {
      const { calls } = await stage.play(scenario);
      const told = scenario.gaveUp ? calls.filter((call, i) => call !== calls[i - 1]) : calls;
      assert.deepEqual(told, scenario.calls);
    });

  test("a trade acts on a no only when Temporal has written it down", async () => {
    const declined = scenarios.find(({ saga, name }) => saga === "trade" && name === "declined")!;
    const { workflowId } = await stage.play(declined);
    const history = await stage.temporal.ask((workflows) => workflows.getHandle(workflowId).fetchHistory());
    const events = history.events!;
    const answered = events.findIndex((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
    const after = events.slice(answered);
    const written = after.findIndex((event) => event.workflowTaskCompletedEventAttributes);
    const undone = after.findIndex(
      (event) => event.markerRecordedEventAttributes?.markerName === "core_local_activity",
    );
    assert.ok(0 < written && written < undone, `written down ${written} events after the answer, undone ${undone}`);
  });

  test("a player who waits for a purchase is told when it needs repair, with its steps, and when a person has ended it", async () => {
    const purchases = createTemporalPurchases(stage.temporal);
    const wait = () => purchases.wait("u", "purchase-u-mend", 3_500);
    const calls = stage.script("purchase-u-mend", { addItem: refuse("bag_full"), refundGold: refuse("user_unknown") });
    await purchases.begin({ userId: "u", requestId: "mend", itemId: "bread", quantity: 2, price: 4n });
    await until("it needs repair", async () => calls.includes("recordStatus NEEDS_REPAIR"));
    const { status, reason, steps } = await wait();
    assert.deepEqual([status, reason], [PurchaseStatus.NEEDS_REPAIR, "deduct_gold: user_unknown"]);
    assert.equal(steps.find(({ name }) => name === "deduct_gold")?.status, PurchaseStepStatus.COMPENSATION_FAILED);

    await stage.temporal.ask((workflows) => workflows.getHandle("purchase-u-mend").terminate());
    const ended = await wait();
    assert.deepEqual([ended.status, ended.reason], [PurchaseStatus.NEEDS_REPAIR, "terminated"]);
  });
});

describe("histories of sagas that may still run somewhere replay with the workflows as they are now", () => {
  const folder = join(import.meta.dirname, "../../workflows");
  let options: ReplayWorkerOptions;

  before(async () => {
    options = { workflowBundle: await bundleWorkflows() };
  });

  for (const file of globSync("*/histories/*.json", { cwd: folder }).sort())
    test(file, async () => {
      await Worker.runReplayHistory(options, JSON.parse(readFileSync(join(folder, file), "utf8")));
    });
});
