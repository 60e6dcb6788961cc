/** The sagas on a real Temporal, with activities that do what a scenario says; and the histories that are kept, replayed. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ReplayWorkerOptions, Worker } from "@temporalio/worker";
import { bundleWorkflows } from "../../workflows/bundle.ts";
import { createTestStack } from "../support/stack.ts";
import { scenarios } from "./scenarios.ts";
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
