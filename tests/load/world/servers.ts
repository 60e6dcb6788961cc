import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Mesh, sidecarToken, startMesh } from "../../../mesh/cases/mesh.ts";
import { format, workload } from "../../../mesh/local/topology.ts";
import type { Stack } from "../../../stack/stack.ts";
import { until } from "../../support/until.ts";
import type { Kind } from "./speech.ts";

/** A server of the measurement, on the first processor. */
export interface Server {
  kind: Kind;
  url: string;
  /** The headers of each player's stream. */
  headers: Record<string, string>[];
  streamsPerConnection: number;
  /** The processes whose time is counted, by name; the server itself first. */
  processes: Record<string, number>;
  /** Its counters, as Prometheus reads them. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

export interface Setting {
  /** For Postgres. */
  stack: Stack;
  zones: string;
  sceneFile: string;
  players: number;
}

const root = join(import.meta.dirname, "../../..");
const baselines = join(import.meta.dirname, "baselines");
const world = workload("world");
/** As many share the connections between a sidecar and its process. */
const streamsPerConnection = 90;

/** Puts a process that runs, with all its threads, on one processor. */
export const pin = (core: number, pid: number) => execFileSync("taskset", ["-a", "-cp", String(core), String(pid)]);

/** BENCH_PROFILE names a folder for a CPU profile of each. */
const profile = process.env.BENCH_PROFILE ? ["--cpu-prof", `--cpu-prof-dir=${process.env.BENCH_PROFILE}`] : [];

const start = (args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess =>
  spawn("taskset", ["-c", "0", process.execPath, ...profile, ...args], {
    ...{ cwd: root, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit"] },
  });

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  server.kill();
  await once(server, "exit");
}

async function readH2(url: string): Promise<string> {
  const session = connect(url);
  session.on("error", () => undefined);
  try {
    const request = session.request({ ":path": "/metrics" });
    return await text(request);
  } finally {
    session.close();
  }
}

async function startWorldAt(address: string, { stack, zones }: Setting): Promise<ChildProcess> {
  const tokenFile = join(zones, "..", "sidecar-token");
  writeFileSync(tokenFile, sidecarToken, { mode: 0o600 });
  const server = start(["--import", "./kit/telemetry.ts", "services/world/main.ts"], {
    SERVICE_INSTANCE: "world",
    LISTEN: address,
    LOG_LEVEL: "error",
    WORLD_ZONES: zones,
    WORLD_MAX_PLAYERS: "100000",
    DATABASE_URL: stack.databaseUrl("world"),
    SIDECAR_TOKEN_FILE: tokenFile,
    // There is none: events wait in the outbox.
    KAFKA_BROKERS: `127.${stack.network}.0.1:19092`,
  });
  await until("world answers", async () => (await readH2(`http://${address}`)).length > 0, 60_000);
  return server;
}

/** The world as its sidecar calls it. */
export async function startWorld(setting: Setting): Promise<Server> {
  const address = `127.${setting.stack.network}.0.1:9400`;
  const server = await startWorldAt(address, setting);
  const url = `http://${address}`;
  return {
    ...{ kind: "world", url, streamsPerConnection, processes: { world: server.pid! } },
    headers: Array.from({ length: setting.players }, (_, i) => ({
      ...{ "x-user-id": randomUUID(), "x-user-name": `p${i}`, "x-sidecar-token": sidecarToken },
    })),
    metrics: () => readH2(url),
    stop: () => end(server),
  };
}

/** The world behind its sidecar and the edge: the real Envoys on the committed policy, each player with a connection and a token of their own. */
export async function startMeshedWorld(setting: Setting): Promise<Server> {
  const mesh: Mesh = await startMesh();
  await mesh.stopEcho("world");
  const address = format(mesh.at.app(world));
  const server = await startWorldAt(address, setting);
  await mesh.settled();
  const processes = { world: server.pid!, edge: mesh.pid("edge"), sidecar: mesh.pid("world") };
  // A sidecar stands beside its service; the edge is another machine's.
  pin(0, processes.sidecar);
  pin(1, processes.edge);
  const tokenOf = () => mesh.issuer.token(randomUUID(), ["world:read", "world:play"]);
  const headers = Array.from({ length: setting.players }, async () => ({
    authorization: `Bearer ${await tokenOf()}`,
    // As a client names it that was told: in this mesh an echo stands in the place of world-2.
    "x-world-instance": "world",
  }));
  return {
    ...{ kind: "world", url: `http://${format(mesh.at.edge)}`, streamsPerConnection: 1, processes },
    headers: await Promise.all(headers),
    metrics: () => readH2(`http://${address}`),
    async stop() {
      await end(server);
      await mesh[Symbol.asyncDispose]();
    },
  };
}

/** One of `baselines/`, whose packages are installed when they are not there. */
export async function startBaseline(kind: "colyseus" | "ws", { stack, sceneFile }: Setting): Promise<Server> {
  if (!existsSync(join(baselines, "node_modules/@colyseus/core")))
    execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: baselines });
  const host = `127.${stack.network}.0.1`;
  const url = `http://${host}:9401`;
  const server = start([join(baselines, `${kind}.js`), host, "9401", sceneFile], { NODE_ENV: "production" });
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  await until(`${kind} answers`, metrics, 60_000);
  return {
    ...{ kind, url, headers: [], streamsPerConnection, processes: { [kind]: server.pid! } },
    metrics,
    stop: () => end(server),
  };
}
