import { type Address, addresses, sidecars, workloads } from "../mesh/local/topology.ts";
import type { EngineContext } from "./engines/engine.ts";
import { createJaeger } from "./engines/jaeger.ts";
import { createKafka } from "./engines/kafka.ts";
import { createPostgres } from "./engines/postgres.ts";
import { createRedis } from "./engines/redis.ts";
import { createTemporal } from "./engines/temporal.ts";
import { Fault } from "./fault.ts";
import type { ProcessSpec } from "./supervisor.ts";
import { createEnvoy, createService, sidecarName, type WorkloadContext } from "./workloads.ts";

const engines = {
  postgres: createPostgres,
  redis: createRedis,
  kafka: createKafka,
  temporal: createTemporal,
  jaeger: createJaeger,
};

/** The names of the engines. */
export const engineNames: readonly string[] = Object.keys(engines);

/** The processes of a stack, in the order in which they are shown. */
export function createSpecs(context: WorkloadContext & EngineContext, only?: readonly string[]): ProcessSpec[] {
  const all = [
    ...Object.values(engines).map((create) => create(context)),
    ...sidecars.flatMap((workload) => [createService(workload, context), createEnvoy(workload, context)]),
    ...workloads.filter(({ role }) => role === "router").map((workload) => createEnvoy(workload, context)),
  ];
  if (!only) {
    const left = new Set(sidecars.filter(({ optional }) => optional).flatMap((w) => [w.name, sidecarName(w)]));
    return all.filter(({ name }) => !left.has(name));
  }
  const names = all.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown) throw new Fault(`no process is named ${unknown}: there are ${names.join(", ")}`);
  const wanted = new Set([...only, ...sidecars.filter(({ name }) => only.includes(name)).map(sidecarName)]);
  return all.filter(({ name }) => wanted.has(name));
}

/** Where those processes listen, by a name for people. */
export function listeners(network: number, specs: readonly Pick<ProcessSpec, "name">[]): Map<string, Address> {
  const at = addresses(network);
  const edge = workloads.find(({ role }) => role === "router")!;
  const places: Record<string, Record<string, Address>> = {
    postgres: { postgres: at.postgres },
    redis: { redis: at.redis },
    kafka: { kafka: at.kafka, "kafka's controller": at.kafkaController },
    temporal: {
      temporal: at.temporal,
      "temporal's web UI": at.temporalUi,
      "temporal's HTTP API": at.temporalHttp,
      "temporal's metrics": at.temporalMetrics,
    },
    jaeger: { jaeger: at.jaeger, "jaeger's OTLP receiver": at.otlpHttp, "jaeger's OTLP gRPC receiver": at.otlpGrpc },
    edge: { "the edge": at.edge, "the edge's TLS": at.edgeTls, "the edge's admin page": at.admin(edge) },
    ...Object.fromEntries(sidecars.map((workload) => [workload.name, { [workload.name]: at.app(workload) }])),
    ...Object.fromEntries(
      sidecars.map((workload) => [
        sidecarName(workload),
        {
          [`${workload.name}'s sidecar`]: at.inbound(workload),
          [`${workload.name}'s way out`]: at.outbound(workload),
          [`the admin page of ${workload.name}'s sidecar`]: at.admin(workload),
        },
      ]),
    ),
  };
  return new Map(specs.flatMap(({ name }) => Object.entries(places[name] ?? {})));
}
