import { styleText } from "node:util";
import { elapsed } from "../elapsed.ts";
import type { Stack } from "../stack.ts";
import type { Status } from "../supervisor.ts";

/** One process in the answer to `status`. */
export interface ProcessStatus {
  name: string;
  status: Status;
  detail: string;
  /** Milliseconds since 1970. */
  since: number;
  pid?: number;
  address?: string;
}

/** The state of every process of a stack. */
export function statusOf(stack: Stack, places: ReadonlyMap<string, string>): ProcessStatus[] {
  return stack.processes.map(({ name, status, detail, since, pid }) => {
    const address = places.get(name);
    return { name, status, detail, since, ...(pid !== undefined && { pid }), ...(address && { address }) };
  });
}

/** That as a table for people. */
export function drawStatus(processes: readonly ProcessStatus[], now: number = Date.now()): string[] {
  const rows = processes.map(({ name, status, since, pid, address, detail }) => [
    name,
    status,
    elapsed(now - since),
    pid ? String(pid) : "",
    [address, detail].filter(Boolean).join("  "),
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row, i) => {
    const color = { ready: "green", failed: "red", stopped: "dim" }[processes[i]!.status as string] ?? "yellow";
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    cells[1] = styleText(color as "green", cells[1]!);
    return cells.join("  ").trimEnd();
  });
}
