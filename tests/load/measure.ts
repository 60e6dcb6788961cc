import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { cpuSeconds } from "./cpu.ts";
import type { Load, Outcome } from "./generate.ts";

const run = promisify(execFile);

export interface Measured extends Outcome {
  name: string;
  /** Microseconds of processor time a call, by process. */
  cpu: Record<string, number>;
}

/** Runs the load generator, in a process of its own. */
export async function generate(load: Load): Promise<Outcome> {
  const running = run(process.execPath, [join(import.meta.dirname, "generate.ts")]);
  running.child.stdin!.end(JSON.stringify(load));
  return JSON.parse((await running).stdout);
}

/** Measures after two seconds of warming up. `roots`: the processes whose time is counted, those below them included. */
export async function measure(name: string, roots: Record<string, number>, load: Load): Promise<Measured> {
  await generate({ ...load, seconds: 2 });
  const before = Object.entries(roots).map(([process, root]) => [process, root, cpuSeconds(root)] as const);
  const outcome = await generate(load);
  const cpu = before.map(([process, root, then]) => [process, ((cpuSeconds(root) - then) * 1e6) / outcome.calls]);
  return { name, ...outcome, cpu: Object.fromEntries(cpu) };
}

/** The results as a Markdown table; ratios are to the first one, those of processor time to the first that counts any. */
export function printTable(results: Measured[]): void {
  const processes = [...new Set(results.flatMap(({ cpu }) => Object.keys(cpu)))];
  const rate = ({ calls, seconds }: Measured) => calls / seconds;
  const total = ({ cpu }: Measured) => Object.values(cpu).reduce((sum, us) => sum + us, 0);
  const floor = results[0]!;
  const counted = results.find((result) => total(result) > 0) ?? floor;
  console.log(`| | calls/s | ratio | p50 ms | p99 ms | CPU µs a call | ratio | ${processes.join(" | ")} | refused |`);
  console.log(`|---|${"---:|".repeat(7 + processes.length)}`);
  for (const result of results) {
    const cells = [
      result.name,
      rate(result).toFixed(0),
      (rate(result) / rate(floor)).toFixed(2),
      result.p50.toFixed(1),
      result.p99.toFixed(1),
      total(result) > 0 ? total(result).toFixed(0) : "",
      total(result) > 0 ? (total(result) / total(counted)).toFixed(1) : "",
      ...processes.map((process) => result.cpu[process]?.toFixed(0) ?? ""),
      result.calls - (result.statuses["200"] ?? 0),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}
