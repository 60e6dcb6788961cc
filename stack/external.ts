/** Engines of the person's own, which are used instead of starting one. */
export interface External {
  /** `{service}` in it stands for the service's name; without it, a role that may create roles and databases. */
  databaseUrl?: string;
  /** `{service}` in it stands for the service's name. */
  redisUrl?: string;
  kafkaBrokers?: string;
  /** `host:port`; the namespace `game` must be there. */
  temporalAddress?: string;
  otlpEndpoint?: string;
}

/** Reads `DATABASE_URL`, `REDIS_URL`, `KAFKA_BROKERS`, `TEMPORAL_ADDRESS` and `OTEL_EXPORTER_OTLP_ENDPOINT`. */
export function loadExternal(env: NodeJS.ProcessEnv): External {
  return {
    ...(env.DATABASE_URL && { databaseUrl: env.DATABASE_URL }),
    ...(env.REDIS_URL && { redisUrl: env.REDIS_URL }),
    ...(env.KAFKA_BROKERS && { kafkaBrokers: env.KAFKA_BROKERS }),
    ...(env.TEMPORAL_ADDRESS && { temporalAddress: env.TEMPORAL_ADDRESS }),
    ...(env.OTEL_EXPORTER_OTLP_ENDPOINT && { otlpEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT }),
  };
}

/** The engines that `external` replaces. */
export function replacedBy(external: External): string[] {
  return [
    ...(external.databaseUrl ? ["postgres"] : []),
    ...(external.redisUrl ? ["redis"] : []),
    ...(external.kafkaBrokers ? ["kafka"] : []),
    ...(external.temporalAddress ? ["temporal"] : []),
    ...(external.otlpEndpoint ? ["jaeger"] : []),
  ];
}

/** `url` for one service. */
export const forService = (url: string, service: string): string =>
  url.replaceAll(/\{service\}|%7Bservice%7D/gi, service);

/** Whether databases and roles are to be made on the person's server. */
export const isAdminUrl = (url: string): boolean => forService(url, "x") === url;
