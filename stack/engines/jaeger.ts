import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { addresses, format } from "../../mesh/local/topology.ts";
import { provision } from "../provision/index.ts";
import type { CreateEngine } from "./engine.ts";

/** Jaeger, which takes spans by OTLP, keeps the last 100,000 traces in memory and answers queries. */
export const createJaeger: CreateEngine = ({ stateDir, network }) => {
  const at = addresses(network);
  return {
    name: "jaeger",
    // It waits long for its clients, and has nothing to save: its traces are in memory.
    stopDeadlineMs: 1_000,
    async launch(tell) {
      const file = await provision("jaeger", tell);
      const dir = join(stateDir, "jaeger");
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, "config.yaml"), stringify(config(network)));
      return { file, args: ["--config", join(dir, "config.yaml")], cwd: dir };
    },
    async probe() {
      const { ok } = await fetch(`http://${format(at.jaeger)}/api/services`, { signal: AbortSignal.timeout(2_000) });
      if (!ok) throw new Error("not ready");
    },
  };
};

function config(network: number) {
  const at = addresses(network);
  return {
    service: {
      extensions: ["jaeger_storage", "jaeger_query"],
      pipelines: { traces: { receivers: ["otlp"], processors: ["batch"], exporters: ["jaeger_storage_exporter"] } },
      // Its own telemetry would listen on a port of the whole machine.
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 100_000 } } } },
      jaeger_query: {
        storage: { traces: "memory" },
        http: { endpoint: format(at.jaeger) },
        grpc: { endpoint: `${at.jaeger.host}:16685` },
      },
    },
    receivers: {
      otlp: { protocols: { grpc: { endpoint: format(at.otlpGrpc) }, http: { endpoint: format(at.otlpHttp) } } },
    },
    processors: { batch: { timeout: "200ms" } },
    exporters: { jaeger_storage_exporter: { trace_storage: "memory" } },
  };
}
