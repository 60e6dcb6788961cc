/** One variable of the environment: its name, how it is read, and what it is when absent (`undefined`: it must be there). */
export interface Variable<T> {
  name: string;
  parse(text: string): T;
  default?: T | undefined;
  optional?: boolean;
}

type Values<S extends Record<string, Variable<unknown>>> = {
  readonly [K in keyof S]: S[K] extends Variable<infer T> ? T : never;
};

/**
 * Reads the variables of `schema` from `env`, all at once.
 *
 * @throws Error that names every variable that is absent or malformed, never its value.
 */
export function loadVariables<S extends Record<string, Variable<unknown>>>(
  schema: S,
  env: NodeJS.ProcessEnv,
): Values<S> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, variable] of Object.entries(schema)) {
    const raw = env[variable.name];
    if (raw === undefined || raw === "") {
      if (variable.default === undefined && !variable.optional) faults.push(`${variable.name} is not set`);
      values[key] = variable.default;
      continue;
    }
    try {
      values[key] = variable.parse(raw);
    } catch (cause) {
      faults.push(`${variable.name} ${cause instanceof Error ? cause.message : "is malformed"}`);
    }
  }
  if (faults.length > 0) throw new Error(`configuration: ${faults.join("; ")}`);
  return Object.freeze(values) as Values<S>;
}

/** A text as it stands. */
export function text(name: string, fallback?: string): Variable<string> {
  return { name, parse: (raw) => raw, default: fallback };
}

/** A text that may be absent. */
export function optionalText(name: string): Variable<string | undefined> {
  return { name, parse: (raw) => raw, optional: true };
}

/** A whole number from `min` to `max`. */
export function integer(name: string, fallback: number, min: number, max: number): Variable<number> {
  const parse = (raw: string) => {
    const value = Number(raw);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new Error(`must be a whole number from ${min} to ${max}`);
    return value;
  };
  return { name, parse, default: fallback };
}

/** Texts separated by commas. */
export function list(name: string, fallback: string[]): Variable<string[]> {
  return { name, parse: (raw) => raw.split(",").map((item) => item.trim()), default: fallback };
}

/** A host and a port, `127.0.0.1:9101`. */
export interface Address {
  host: string;
  port: number;
}

/** An {@link Address} that may be absent when there is no fallback. */
export function address(name: string, fallback: string): Variable<Address>;
export function address(name: string): Variable<Address | undefined>;
export function address(name: string, fallback?: string): Variable<Address | undefined> {
  const parse = (raw: string): Address => {
    const found = /^(.+):(\d{1,5})$/.exec(raw);
    if (!found || Number(found[2]) > 65535) throw new Error("must be host:port");
    return { host: found[1]!, port: Number(found[2]) };
  };
  return { name, parse, default: fallback === undefined ? undefined : parse(fallback), optional: true };
}

/** What every process of the platform is told by its environment. */
export const processVariables = {
  /** The workload's own name; several replicas of one service differ in it. */
  instance: optionalText("SERVICE_INSTANCE"),
  /** The version of the service, where several run side by side. */
  version: text("SERVICE_VERSION", "v1"),
  /** Where the process listens; the sidecar is the only one to call there. */
  listen: address("LISTEN", "127.0.0.1:9100"),
  databaseUrl: text("DATABASE_URL", "postgres://127.0.0.1:15432"),
  redisUrl: text("REDIS_URL", "redis://127.0.0.1:16379"),
  kafkaBrokers: list("KAFKA_BROKERS", ["127.0.0.1:19092"]),
  temporalAddress: text("TEMPORAL_ADDRESS", "127.0.0.1:7233"),
  /** The sidecar's address for calls to other services. Absent: services are dialled by their names. */
  meshEgress: address("MESH_EGRESS"),
  /** A file with the token that the sidecar adds to each call. Absent: the network alone keeps others out. */
  sidecarTokenFile: optionalText("SIDECAR_TOKEN_FILE"),
};
