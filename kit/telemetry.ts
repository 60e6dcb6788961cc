/**
 * Starts OpenTelemetry. Loaded before everything else, so that the packages it instruments are not loaded yet:
 * `node --import ./kit/telemetry.ts services/chat/main.ts`.
 *
 * Spans go by OTLP to OTEL_EXPORTER_OTLP_ENDPOINT and are dropped while nobody listens there. Metrics are read at `GET /metrics`.
 */
import { basename, dirname } from "node:path";
import { diag } from "@opentelemetry/api";
import { IORedisInstrumentation } from "@opentelemetry/instrumentation-ioredis";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { register } from "import-in-the-middle/register-hooks.mjs";
import { pause } from "./pause.ts";
import { prometheus } from "./prometheus.ts";

register({ include: ["pg", "pg-pool", "ioredis"] });

// A collector that is away is normal here; the exporter's complaints would fill the log.
diag.disable();

// A service's name is its folder's.
const service = process.env.OTEL_SERVICE_NAME ?? basename(dirname(process.argv[1] ?? "unknown/main.ts"));

const sdk = new NodeSDK({
  resource: resourceFromAttributes({
    "service.name": service,
    "service.instance.id": process.env.SERVICE_INSTANCE ?? service,
    "service.namespace": "game",
  }),
  // Nothing of the machine belongs into spans and metrics.
  resourceDetectors: [],
  metricReaders: [prometheus],
  instrumentations: [
    new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
    // A command's name only: its arguments may be secret.
    new IORedisInstrumentation({ requireParentSpan: true, dbStatementSerializer: (name) => name }),
  ],
});
sdk.start();

/** Sends the spans that wait, for a second at most: an absent collector must not hold up the end. */
export async function stopTelemetry(): Promise<void> {
  await Promise.race([sdk.shutdown().catch(() => undefined), pause(1_000)]);
}

// serve.ts calls it last; a global, so that a process without telemetry doesn't load the SDK.
(globalThis as { stopTelemetry?: () => Promise<void> }).stopTelemetry = stopTelemetry;
