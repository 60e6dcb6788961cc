/**
 * `npm run sagas:record`: plays every scenario on a real Temporal and keeps its history, which `npm test` replays with the workflows as
 * they are by then. To be run when a saga is new; a change that breaks the histories that are kept breaks the sagas that run (docs/changing-a-saga.md).
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporalNamespace } from "../../stack/engines/temporal.ts";
import { provision } from "../../stack/provision/index.ts";
import { createTestStack } from "../support/stack.ts";
import { scenarios } from "./scenarios.ts";
import { createStage } from "./stage.ts";

const stack = await createTestStack({ only: ["temporal"] });
const cli = await provision("temporal");

const root = join(import.meta.dirname, "../..");

/** As Temporal's own tools write it, for people and for the SDK. Where this project lies is nobody's business. */
const readHistory = (workflowId: string): string =>
  execFileSync(
    cli,
    [
      ...["workflow", "show", "--workflow-id", workflowId, "--output", "json"],
      ...["--address", stack.temporalAddress, "--namespace", temporalNamespace],
    ],
    { encoding: "utf8" },
  ).replaceAll(`${root}/`, "");

try {
  const stage = await createStage(stack.temporalAddress);
  for (const scenario of scenarios) {
    const { workflowId } = await stage.play(scenario);
    const folder = join(root, "workflows", scenario.saga, "histories");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${scenario.name}.json`), readHistory(workflowId));
    console.log(`${scenario.saga} ${scenario.name}`);
  }
  await stage.close();
} finally {
  await stack.stop();
}
process.exit();
