import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { closeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { elapsed } from "./elapsed.ts";
import { Fault, lineOf } from "./fault.ts";
import { openLog } from "./log-file.ts";

/** What to execute. */
export interface Launch {
  file: string;
  args: string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Who runs it; the same user unless given. */
  user?: { uid: number; gid: number };
}

/** A process that is to be kept running. */
export interface ProcessSpec {
  name: string;
  /** Provides the program and lays out what it needs. Runs before every start; `tell` says what takes long. */
  launch: (tell: (line: string) => void) => Promise<Launch>;
  /** Throws as long as the process is not ready. Asked until it does not. */
  probe: () => Promise<void>;
  /** Asks the process to end; SIGTERM unless given. */
  stopSignal?: NodeJS.Signals;
  /** How long it may take to end before it is killed; 12 s unless given. */
  stopDeadlineMs?: number;
}

/**
 * preparing: what it needs is being provided. starting: runs, not ready yet. waiting: ended by itself, will be started again.
 * failed: cannot be started until somebody mends the reason and says `restart`.
 */
export type Status = "stopped" | "preparing" | "starting" | "ready" | "waiting" | "failed";

/** A process and its keeper. */
export interface ManagedProcess {
  readonly name: string;
  readonly status: Status;
  /** A few words about the status: what is being downloaded, why it waits. */
  readonly detail: string;
  readonly pid: number | undefined;
  /** When the status began, in milliseconds since 1970. */
  readonly since: number;
  /** Resolves when it is being started; `waitReady` tells when it is ready. */
  start(): Promise<void>;
  /** Asks it to end and resolves when neither it nor a child of it is left. It stays stopped until `start`. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** Sends a signal to it and its children, and lets the supervisor do what it does when a process ends by itself. */
  kill(signal?: NodeJS.Signals): void;
  /** The deadline counts while the process starts, not while its program is downloaded or compiled. */
  waitReady(deadlineMs?: number): Promise<void>;
  /** Calls `listener` at every change of status or detail. */
  onChange(listener: () => void): void;
}

/** Where and how fast. */
export interface SupervisorOptions {
  /** Its output is appended to `<logDir>/<name>.log`. */
  logDir: string;
  /** The first pause before it is started again; doubles up to 30 times as much. */
  backoffMs?: number;
  /** Told at each start, before anything else can happen. */
  onSpawn?: (name: string, pid: number) => void;
}

const probeEveryMs = 100;
/** A process that was ready for so long has earned a quick restart again. */
const steadyMs = 30_000;
const harmless: readonly string[] = ["SIGSTOP", "SIGCONT", "SIGHUP", "SIGUSR1", "SIGUSR2"];

/** Keeps one process running: started when told, again with back-off when it ends by itself, and ended with its whole group. */
export function supervise(spec: ProcessSpec, options: SupervisorOptions): ManagedProcess {
  const { backoffMs = 500 } = options;
  const changes = new EventEmitter().setMaxListeners(0);
  let status: Status = "stopped";
  let detail = "";
  let since = Date.now();
  let child: ChildProcess | undefined;
  let keeping: { stopping: AbortController; ended: Promise<void> } | undefined;
  let fresh = true;

  function set(next: Status, words = ""): void {
    if (next !== status) since = Date.now();
    status = next;
    detail = words;
    changes.emit("change");
  }

  async function keep(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      set("preparing", failures > 0 ? detail : "");
      let launch: Launch;
      try {
        launch = await spec.launch((line) => !signal.aborted && set("preparing", line));
      } catch (error) {
        if (!signal.aborted) set("failed", lineOf(error));
        return;
      }
      if (signal.aborted) return;
      const started = Date.now();
      const reason = await runOnce(launch, signal);
      if (signal.aborted) return;
      if (Date.now() - started > steadyMs) failures = 0;
      const wait = Math.min(backoffMs * 2 ** failures, backoffMs * 30);
      set("waiting", `${reason}, again in ${wait < 1_000 ? `${wait / 1_000} s` : elapsed(wait)}`);
      await pause(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Runs it until it ends, and says how it ended. */
  async function runOnce(launch: Launch, signal: AbortSignal): Promise<string> {
    const log = openLog(options.logDir, spec.name, fresh);
    fresh = false;
    const running = spawn(launch.file, launch.args, {
      ...(launch.cwd && { cwd: launch.cwd }),
      env: launch.env ?? process.env,
      ...launch.user,
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    child = running;
    const exited = new Promise<string>((resolve) => {
      running.on("error", (error) => resolve(lineOf(error)));
      running.on("exit", (code, by) => resolve(by ? `killed by ${by}` : `exit ${code}`));
    });
    if (running.pid !== undefined) options.onSpawn?.(spec.name, running.pid);
    set("starting");
    const gone = new AbortController();
    const probing = probeUntilReady(AbortSignal.any([gone.signal, signal]));
    const reason = await exited;
    gone.abort();
    await probing;
    child = undefined;
    signalGroup(running.pid, "SIGKILL");
    return reason;
  }

  async function probeUntilReady(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await spec.probe();
        if (!signal.aborted) set("ready");
        return;
      } catch {
        await pause(probeEveryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async function stop(): Promise<void> {
    const ending = keeping;
    ending?.stopping.abort();
    const running = child;
    if (running && running.exitCode === null && running.signalCode === null && running.pid !== undefined) {
      const deadline = setTimeout(() => signalGroup(running.pid, "SIGKILL"), spec.stopDeadlineMs ?? 12_000);
      running.kill(spec.stopSignal ?? "SIGTERM");
      // One that was stopped by SIGSTOP would never see it.
      running.kill("SIGCONT");
      await ending?.ended;
      clearTimeout(deadline);
    }
    // A launch that is still downloading goes on for the others who wait for it; nothing comes of it here.
    if (keeping === ending) keeping = undefined;
    set("stopped");
  }

  async function start(): Promise<void> {
    if (keeping && status !== "failed") return;
    const stopping = new AbortController();
    keeping = { stopping, ended: keep(stopping.signal) };
  }

  async function waitReady(deadlineMs = 60_000): Promise<void> {
    let end = Date.now() + deadlineMs;
    while (status !== "ready") {
      if (status === "stopped" || status === "failed") throw new Fault(`${spec.name} is ${status}: ${detail}`);
      if (status === "preparing") end = Date.now() + deadlineMs;
      const left = end - Date.now();
      if (left <= 0) throw new Fault(`${spec.name} is not ready after ${elapsed(deadlineMs)} (${status} ${detail})`);
      await once(changes, "change", { signal: AbortSignal.timeout(left) }).catch(() => undefined);
    }
  }

  return {
    name: spec.name,
    get status() {
      return status;
    },
    get detail() {
      return detail;
    },
    get pid() {
      return child?.pid;
    },
    get since() {
      return since;
    },
    start,
    stop,
    async restart() {
      await stop();
      await start();
    },
    kill(signal = "SIGKILL") {
      if (!harmless.includes(signal) && status === "ready") set("starting", signal);
      signalGroup(child?.pid, signal);
    },
    waitReady,
    onChange(listener) {
      changes.on("change", listener);
    },
  };
}

/** Sends a signal to a process group; one that is gone is no error. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
