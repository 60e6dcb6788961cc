import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** A process that runs until it is disposed of. */
export interface Background extends AsyncDisposable {
  readonly pid: number;
  /** What it printed so far. */
  output(): string;
  /** Throws `Ended`, with the last of its output, when it has ended by itself. */
  assertRunning(): void;
}

/** A process has ended that should run: waiting for it is of no use. */
export class Ended extends Error {}

/**
 * Starts `command`, its output going to the file `log`. It ends with this process at the latest. Disposing sends SIGTERM, and SIGKILL to
 * whoever is there 5 s later.
 */
export function startBackground(
  name: string,
  command: string,
  args: readonly string[],
  { cwd, log, env = {} }: { cwd: string; log: string; env?: Record<string, string> },
): Background {
  const descriptor = openSync(log, "w");
  const [file, argv] = existsSync(setpriv)
    ? [setpriv, ["--pdeathsig", "TERM", "--", command, ...args]]
    : [command, args];
  const child = spawn(file, argv, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", descriptor, descriptor],
  });
  closeSync(descriptor);
  started.add(child);
  child.once("exit", () => started.delete(child));
  const ended = once(child, "exit");
  ended.catch(() => {}); // a command that cannot start: assertRunning tells
  const output = () => readFileSync(log, "utf8");
  return {
    pid: child.pid ?? -1,
    output,
    assertRunning() {
      if (running(child)) return;
      throw new Ended(
        `${name} ended with ${child.exitCode ?? child.signalCode ?? `no start of ${command}`}:\n${output().slice(-2000)}`,
      );
    },
    async [Symbol.asyncDispose]() {
      if (!running(child)) return;
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Of util-linux: a child that it starts ends with this process also when that is killed. */
const setpriv = "/usr/bin/setpriv";

const started = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of started) child.kill("SIGTERM");
});

const running = (child: ChildProcess) =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

/**
 * Asks `attempt` again and again, `pauseMs` after each try, until it gives a value.
 *
 * @throws what `attempt` threw last, once `milliseconds` have passed; `Ended` at once.
 */
export async function eventually<T>(attempt: () => Promise<T>, milliseconds = 30_000, pauseMs = 50): Promise<T> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Ended || Date.now() > deadline) throw error;
    }
    await delay(pauseMs);
  }
}

/** For a command: when it is interrupted, what it started ends too. */
export function endOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
}
