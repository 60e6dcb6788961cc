import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";

/** Answers `GET /metrics` in the Prometheus text format; telemetry.ts feeds it. */
export const prometheus = new PrometheusExporter({ preventServerStart: true });
