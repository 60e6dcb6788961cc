import { readFileSync } from "node:fs";

/** Tells one process from a later one with the same id. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since the machine's start, and which start that was. */
  started: string;
}

/** The identity of a process that runs now; undefined when there is none. A zombie counts as ended. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in brackets and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { pid, started: `${bootId()}:${fields[19]}` };
  } catch {
    return undefined;
  }
}

/** Whether that very process still runs. */
export const runs = (identity: ProcessIdentity): boolean => identify(identity.pid)?.started === identity.started;

const bootId = () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
