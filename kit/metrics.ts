import { metrics } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";

/** Answers `GET /metrics` in the Prometheus text format; {@link file://./telemetry.ts} feeds it. */
export const prometheus = new PrometheusExporter({ preventServerStart: true });

/** The meter of this process. */
export const meter = metrics.getMeter("game-mesh");
