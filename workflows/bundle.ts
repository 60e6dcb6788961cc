import { createRequire } from "node:module";
import { join } from "node:path";
import { bundleWorkflowCode } from "@temporalio/worker";
import type { Log } from "#kit/log.ts";
import { createTemporalLog } from "./temporal-log.ts";

const require = createRequire(import.meta.url);

/**
 * The workflows as one script for Temporal's isolate, in which they see no clock, network or module of Node. Node's type stripping does not
 * reach in there: Temporal's bundler takes the types out by swc, and refuses what is not deterministic.
 */
export const bundleWorkflows = (log?: Log) =>
  bundleWorkflowCode({
    ...(log && { logger: createTemporalLog(log) }),
    workflowsPath: join(import.meta.dirname, "index.ts"),
    workflowInterceptorModules: [
      require.resolve("@temporalio/interceptors-opentelemetry-v2/lib/workflow-interceptors"),
    ],
  });
