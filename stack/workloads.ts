import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { addresses, firstVersion, format, type Workload } from "../mesh/local/topology.ts";
import { envoyArguments, envoyDir } from "../mesh/tools/render.ts";
import { certsDir } from "./certificates.ts";
import { root } from "./paths.ts";
import { writePrivate } from "./private-file.ts";
import { expectOk, expectOkH2c } from "./probe.ts";
import type { Secrets } from "./secrets.ts";
import type { ProcessSpec } from "./supervisor.ts";

/** Where a service finds the engines. */
export interface Backends {
  databaseUrl(service: string): string;
  redisUrl(service: string): string;
  kafkaBrokers: string;
  /** `host:port`. */
  temporalAddress: string;
  /** `http://host:4318`. */
  otlpEndpoint: string;
}

/** What the workloads of one stack share. */
export interface WorkloadContext {
  stateDir: string;
  network: number;
  secrets: Secrets;
  backends: Backends;
  /** Given to every service, over what the platform sets. */
  env: Record<string, string>;
  /** Given to one process, over that. */
  envOf: Record<string, Record<string, string>>;
  /** Gives the path of Envoy. */
  envoy: () => Promise<string>;
}

/** The name of the Envoy beside a service. */
export const sidecarName = (workload: Workload): string => `${workload.name}-sidecar`;

/** The process of a service. */
export function createService(workload: Workload, context: WorkloadContext): ProcessSpec {
  const address = addresses(context.network).app(workload);
  const main = ["--import", "./kit/telemetry.ts", workload.main ?? `services/${workload.service}/main.ts`];
  return {
    name: workload.name,
    launch: async () => ({ file: process.execPath, args: main, cwd: root, env: environment(workload, context) }),
    probe: () => expectOkH2c(address, "/readyz"),
  };
}

/** An Envoy on the frozen configuration of a workload: its sidecar, or the edge. */
export function createEnvoy(workload: Workload, context: WorkloadContext): ProcessSpec {
  const edge = workload.role === "router";
  const admin = addresses(context.network).admin(workload);
  return {
    name: edge ? workload.name : sidecarName(workload),
    launch: async (tell) => {
      const cwd = envoyDir(context.stateDir, workload.name);
      const bootstrap = join(cwd, "bootstrap.json");
      if (!existsSync(bootstrap)) tell("waits for istiod to compile its configuration");
      while (!existsSync(bootstrap)) await pause(100, undefined, { ref: false });
      return { file: await context.envoy(), args: envoyArguments(edge ? 2 : 1), cwd };
    },
    probe: () => expectOk(admin, "/ready"),
  };
}

/** Lays the secret by which a sidecar proves itself to its service, where both read it. */
export function ensureSidecarToken(workload: Workload, stateDir: string, secrets: Secrets): void {
  const dir = certsDir(stateDir, workload);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writePrivate(join(dir, "sidecar-token"), secrets.get(`sidecar-token-${workload.name}`));
}

function environment(
  workload: Workload,
  { stateDir, network, secrets, backends, env, envOf }: WorkloadContext,
): NodeJS.ProcessEnv {
  const at = addresses(network);
  const { name, service } = workload;
  return {
    ...inherited(),
    LOG_LEVEL: process.env.LOG_LEVEL ?? "info",
    // Starting takes a third less of the processor when Node finds the code compiled, and its types gone.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, "node_modules/.cache/node"),
    SERVICE_INSTANCE: name,
    SERVICE_VERSION: workload.version ?? firstVersion,
    LISTEN: format(at.app(workload)),
    DATABASE_URL: backends.databaseUrl(service),
    REDIS_URL: backends.redisUrl(service),
    KAFKA_BROKERS: backends.kafkaBrokers,
    TEMPORAL_ADDRESS: backends.temporalAddress,
    OTEL_SERVICE_NAME: service,
    OTEL_EXPORTER_OTLP_ENDPOINT: backends.otlpEndpoint,
    MESH_EGRESS: format(at.outbound(workload)),
    SIDECAR_TOKEN_FILE: join(certsDir(stateDir, workload), "sidecar-token"),
    ...(service === "auth" && {
      AUTH_KEY_FILE: secrets.file("auth-key", 32),
      AUTH_ADMIN_PASSWORD_FILE: secrets.file("auth-admin-password"),
    }),
    ...env,
    ...envOf[name],
  };
}

/** The person's environment without what npm and the test runner leave in it for their own children. */
function inherited(): NodeJS.ProcessEnv {
  const foreign = /^(npm_|NODE_TEST_CONTEXT$|NODE_V8_COVERAGE$|INIT_CWD$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}
