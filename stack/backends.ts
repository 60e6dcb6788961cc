import { setTimeout as pause } from "node:timers/promises";
import { addresses, format } from "../mesh/local/topology.ts";
import type { EngineContext } from "./engines/engine.ts";
import { kafkaBrokers } from "./engines/kafka.ts";
import { postgresUrl } from "./engines/postgres.ts";
import { ensureDatabases } from "./engines/postgres-databases.ts";
import { redisUrl } from "./engines/redis.ts";
import { type External, forService, isAdminUrl } from "./external.ts";
import type { Backends } from "./workloads.ts";

/** Where services find the engines: those of the stack, or those that the person named instead. */
export function createBackends(context: EngineContext, external: External): Backends {
  const database = external.databaseUrl;
  return {
    databaseUrl(service) {
      if (!database) return postgresUrl(context, service);
      if (!isAdminUrl(database)) return forService(database, service);
      const url = new URL(database);
      url.username = service;
      url.password = context.secrets.get(`postgres-${service}`);
      url.pathname = `/${service}`;
      return url.href;
    },
    redisUrl: (service) => (external.redisUrl ? forService(external.redisUrl, service) : redisUrl(context, service)),
    kafkaBrokers: external.kafkaBrokers ?? kafkaBrokers(context.network),
    temporalAddress: external.temporalAddress ?? format(addresses(context.network).temporal),
    otlpEndpoint: external.otlpEndpoint ?? `http://${format(addresses(context.network).otlpHttp)}`,
  };
}

/** Makes the services' databases on the person's server, as soon as it answers. */
export async function prepareExternal(
  { databaseUrl }: External,
  context: EngineContext,
  signal: AbortSignal,
): Promise<void> {
  while (databaseUrl && isAdminUrl(databaseUrl) && !signal.aborted) {
    try {
      return await ensureDatabases(databaseUrl, context.services, context.secrets);
    } catch {
      await pause(2_000, undefined, { signal }).catch(() => undefined);
    }
  }
}
