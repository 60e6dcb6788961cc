import { chmodSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type ClaimedNetwork, claimFreeNetwork, claimNetwork } from "../mesh/local/network.ts";
import { addresses, services, sidecars } from "../mesh/local/topology.ts";
import { startDiscovery } from "../mesh/tools/discovery.ts";
import { createBackends, prepareExternal } from "./backends.ts";
import { elapsed } from "./elapsed.ts";
import { type External, replacedBy } from "./external.ts";
import { Fault, lineOf } from "./fault.ts";
import { forwardSpans } from "./forward-spans.ts";
import { createSpecs, listeners } from "./members.ts";
import { layMesh, renewEvery } from "./mesh.ts";
import { expectFree, listenerOn } from "./ports.ts";
import { provision } from "./provision/index.ts";
import { openSecrets } from "./secrets.ts";
import { unsettled } from "./settled.ts";
import { endLeftovers, keepState } from "./state.ts";
import { type ManagedProcess, signalGroup, supervise } from "./supervisor.ts";
import type { Backends } from "./workloads.ts";

/** What to start, and where. */
export interface StackOptions {
  /** Holds everything that it keeps; made when it is not there. */
  stateDir: string;
  /** The loopback network 127.`network`.*.*; a free one unless given. */
  network?: number;
  /** The processes to start, by name; a service brings its sidecar along. All unless given. */
  only?: readonly string[];
  /** For the services, over what the platform sets. */
  env?: Record<string, string>;
  /** For single services, by the name of their process, over that. */
  envOf?: Record<string, Record<string, string>>;
  /** Engines of the person's own. */
  external?: External;
  /** Told how Envoy, which no process of its own is named for, is being provided. */
  onEnvoy?: (line: string) => void;
}

/** The running platform, or the part of it that was asked for. */
export interface Stack extends Backends {
  readonly network: number;
  readonly stateDir: string;
  /** `<logDir>/<process>.log` */
  readonly logDir: string;
  readonly at: ReturnType<typeof addresses>;
  readonly processes: readonly ManagedProcess[];
  /** Throws when none of that name is part of this stack. */
  process(name: string): ManagedProcess;
  /** Resolves when all of them, or those named, are ready; with the edge among them, when calls through it get there. */
  waitReady(names?: readonly string[], deadlineMs?: number): Promise<void>;
  /** Ends everything, the edge first and the engines last. Nothing of it is left, but its data. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

/**
 * Starts the platform and returns at once: nothing waits for everything. Each process starts as soon as its own program is there,
 * and is started again when it ends by itself.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const stateDir = resolve(options.stateDir);
  const claimed = await claim(options.network);
  try {
    return await startIn(claimed, { ...options, stateDir });
  } catch (error) {
    await claimed.release();
    throw error;
  }
}

async function startIn(claimed: ClaimedNetwork, options: StackOptions): Promise<Stack> {
  const { stateDir, only, env = {}, envOf = {}, external = {} } = options;
  const { network } = claimed;
  mkdirSync(stateDir, { recursive: true });
  // PostgreSQL may run as another user, who has to pass through; what is secret has rights of its own.
  chmodSync(stateDir, 0o711);
  await endLeftovers(stateDir);

  const secrets = openSecrets(join(stateDir, "secrets"));
  const engineContext = { stateDir, network, secrets, services };
  const backends = createBackends(engineContext, external);
  let envoy: Promise<string> | undefined;
  const context = {
    ...engineContext,
    backends,
    env,
    envOf,
    envoy: () => {
      envoy ??= provision("envoy", options.onEnvoy);
      // The next start of a process tries again.
      envoy.catch(() => {
        envoy = undefined;
      });
      return envoy;
    },
  };
  const replaced = replacedBy(external);
  const specs = createSpecs(context, only).filter(({ name }) => !replaced.includes(name));
  await expectFree(listeners(network, specs));
  await layMesh(stateDir, network, secrets);
  const discovery = await startDiscovery(stateDir);

  const stopping = new AbortController();
  void prepareExternal(external, engineContext, stopping.signal);
  void forwardSpans(external, network, stopping.signal);
  void renewEvery(stateDir, network, stopping.signal);
  const state = keepState(
    stateDir,
    network,
    new Map(specs.map(({ name, stopSignal }) => [name, stopSignal ?? "SIGTERM"])),
  );
  const logDir = join(stateDir, "logs");
  const processes = specs.map((spec) => supervise(spec, { logDir, onSpawn: state.spawned }));
  const named = (name: string) => {
    const found = processes.find((process) => process.name === name);
    if (!found) throw new Fault(`no process is named ${name}: there are ${processes.map((p) => p.name).join(", ")}`);
    return found;
  };
  const kill = () => {
    for (const { pid } of processes) signalGroup(pid, "SIGKILL");
  };
  process.on("exit", kill);
  await Promise.all(processes.map((process) => process.start()));

  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    stopping.abort();
    for (const group of stopOrder(processes)) await Promise.all(group.map((process) => process.stop()));
    process.off("exit", kill);
    await discovery[Symbol.asyncDispose]();
    state.remove();
    await claimed.release();
  }

  return {
    ...backends,
    network,
    stateDir,
    logDir,
    at: addresses(network),
    processes,
    process: named,
    async waitReady(names = processes.map(({ name }) => name), deadlineMs = 120_000) {
      await Promise.all(names.map((name) => named(name).waitReady(deadlineMs)));
      if (names.includes("edge")) await waitSettled(network, names, deadlineMs);
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
    kill,
  };
}

async function claim(network: number | undefined): Promise<ClaimedNetwork> {
  if (network === undefined) return claimFreeNetwork();
  const claimed = await claimNetwork(network);
  if (!claimed) {
    const holder = listenerOn(addresses(network).claim.port, addresses(network).claim.host);
    const who = holder ? ` (pid ${holder.pid})` : "";
    throw new Fault(`another stack has the network 127.${network}.0.0${who}: stop it first`);
  }
  return claimed;
}

async function waitSettled(network: number, names: readonly string[], deadlineMs: number): Promise<void> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const missing = await unsettled(network, names).catch(lineOf);
    if (!missing) return;
    if (Date.now() > end) throw new Fault(`not ready after ${elapsed(deadlineMs)}: ${missing}`);
    await pause(100);
  }
}

/** No new calls, then those who answered them, then the engines that they needed to the end. */
function stopOrder(processes: readonly ManagedProcess[]): ManagedProcess[][] {
  const front = new Set(sidecars.flatMap(({ name }) => [name, `${name}-sidecar`]));
  return [
    processes.filter(({ name }) => name === "edge"),
    processes.filter(({ name }) => front.has(name)),
    processes.filter(({ name }) => name !== "edge" && !front.has(name)),
  ];
}
