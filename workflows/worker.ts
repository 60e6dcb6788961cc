import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import { OpenTelemetryPlugin, type OpenTelemetryPluginOptions } from "@temporalio/interceptors-opentelemetry-v2";
import { NativeConnection, Runtime, Worker } from "@temporalio/worker";
import type { Log } from "#kit/log.ts";
import { pause } from "#kit/pause.ts";
import { sagaQueue, temporalNamespace } from "#kit/temporal.ts";
import { bundleWorkflows } from "./bundle.ts";
import { createTemporalLog } from "./temporal-log.ts";

/** The worker, which keeps coming back. */
export interface SagaWorker {
  /** Settles when it has taken its place at Temporal for the first time. */
  joined: Promise<void>;
  /** Throws while it does not run. */
  ping(): Promise<undefined>;
  /** Lets the steps under way end. */
  stop(): Promise<void>;
}

/** Runs sagas for Temporal, which need not be there yet and may be away at any time. */
export function startSagaWorker(options: {
  address: string;
  identity: string;
  activities: object;
  log: Log;
}): SagaWorker {
  const { address, identity, activities, log } = options;
  Runtime.install({
    // The process ends when we say so.
    shutdownSignals: [],
    logger: createTemporalLog(log),
    telemetryOptions: { logging: { filter: { core: "WARN", other: "ERROR" }, forward: {} } },
  });
  const spans = workflowSpans(identity);
  const stopping = new AbortController();
  const joined = Promise.withResolvers<void>();
  let bundle: Promise<{ code: string }> | undefined;
  let running: Worker | undefined;

  async function runOnce(): Promise<void> {
    bundle ??= bundleWorkflows(log);
    const connection = await NativeConnection.connect({ address });
    try {
      const worker = await Worker.create({
        connection,
        namespace: temporalNamespace,
        taskQueue: sagaQueue,
        identity,
        workflowBundle: await bundle,
        activities,
        plugins: [spans.plugin],
        shutdownGraceTime: "5s",
        // What this worker was to go on with, another takes when this one does not come for it.
        stickyQueueScheduleToStartTimeout: "3s",
        maxConcurrentWorkflowTaskExecutions: 100,
      });
      if (stopping.signal.aborted) return;
      const stop = () => worker.shutdown();
      stopping.signal.addEventListener("abort", stop);
      running = worker;
      log.info({ queue: sagaQueue }, "the worker takes sagas");
      joined.resolve();
      await worker.run().finally(() => stopping.signal.removeEventListener("abort", stop));
    } finally {
      running = undefined;
      await connection.close();
    }
  }

  async function keepRunning(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures++) {
      const start = Date.now();
      await runOnce().catch((error: Error) =>
        log[failures === 0 ? "warn" : "debug"]({ err: error.message }, "the worker does not run, trying on"),
      );
      if (Date.now() - start > 30_000) failures = 0;
      await pause(Math.min(250 * 2 ** failures, 2_000), stopping.signal);
    }
  }

  const ended = keepRunning();
  return {
    joined: joined.promise,
    async ping() {
      if (running?.getState() !== "RUNNING") throw new Error("not at Temporal");
      return undefined;
    },
    async stop() {
      stopping.abort();
      await ended;
      await spans.stop();
    },
  };
}

/** Spans of workflows come out of the isolate finished, so the SDK of this process does not see them: they have a way of their own. */
function workflowSpans(identity: string) {
  const spanProcessor = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter(),
    scheduledDelayMillis: 1_000,
  });
  const resource = resourceFromAttributes({
    "service.name": "saga-worker",
    "service.instance.id": identity,
    "service.namespace": "game",
  });
  const plugin = new OpenTelemetryPlugin({ resource, spanProcessor } as unknown as OpenTelemetryPluginOptions);
  return { plugin, stop: () => Promise.race([spanProcessor.shutdown().catch(() => undefined), pause(1_000)]) };
}
