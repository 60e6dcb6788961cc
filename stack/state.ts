import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { outsidePath } from "./engines/unprivileged.ts";
import { writePrivate } from "./private-file.ts";
import { identify, type ProcessIdentity, runs } from "./process-identity.ts";
import { signalGroup } from "./supervisor.ts";

/** `<state>/stack.json`: who runs, for other shells and for the start after one that was killed. */
export interface StackState {
  /** The process that supervises. */
  owner: ProcessIdentity;
  network: number;
  /** ISO 8601. */
  started: string;
  processes: Record<string, ProcessIdentity & { stopSignal: NodeJS.Signals }>;
}

/** The state that a stack left in `stateDir`, running or not. */
export function readState(stateDir: string): StackState | undefined {
  try {
    return JSON.parse(readFileSync(path(stateDir), "utf8")) as StackState;
  } catch {
    return undefined;
  }
}

/** Whether its supervisor still runs. */
export const isRunning = (state: StackState | undefined): boolean => state !== undefined && runs(state.owner);

/** Keeps the state file of a stack that runs. */
export function keepState(stateDir: string, network: number, stopSignals: ReadonlyMap<string, NodeJS.Signals>) {
  const owner = identify(process.pid);
  if (!owner) throw new Error("this process cannot be found in /proc");
  const state: StackState = { owner, network, started: new Date().toISOString(), processes: {} };
  const write = () => writePrivate(path(stateDir), `${JSON.stringify(state, null, 2)}\n`);
  write();
  return {
    spawned(name: string, pid: number) {
      const identity = identify(pid);
      if (!identity) return;
      state.processes[name] = { ...identity, stopSignal: stopSignals.get(name) ?? "SIGTERM" };
      write();
    },
    remove: () => rmSync(path(stateDir), { force: true }),
  };
}

/**
 * Ends what a supervisor that is gone has left running, and forgets it. A process is known by its start time: one that merely has
 * the same id is left alone.
 *
 * @returns the names of those that were ended.
 */
export async function endLeftovers(stateDir: string, deadlineMs = 10_000): Promise<string[]> {
  const state = readState(stateDir);
  if (!state || isRunning(state)) return [];
  const left = Object.entries(state.processes).filter(([, identity]) => runs(identity));
  for (const [, { pid, stopSignal }] of left) {
    signalGroup(pid, stopSignal);
    signalGroup(pid, "SIGCONT");
  }
  const end = Date.now() + deadlineMs;
  while (left.some(([, identity]) => runs(identity)) && Date.now() < end) await pause(50);
  for (const [, identity] of left) if (runs(identity)) signalGroup(identity.pid, "SIGKILL");
  while (left.some(([, identity]) => runs(identity))) await pause(20);
  rmSync(path(stateDir), { force: true });
  return left.map(([name]) => name);
}

/** Removes all that a stack keeps: data, secrets, certificates and logs. */
export function removeState(stateDir: string): void {
  rmSync(stateDir, { recursive: true, force: true });
  rmSync(outsidePath(join(stateDir, "postgres")), { recursive: true, force: true });
}

const path = (stateDir: string) => join(stateDir, "stack.json");
