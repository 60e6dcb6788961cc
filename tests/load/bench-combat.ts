/**
 * `npm run bench:combat`: casts resolved a second by the rules alone, by stream and by unary call. One run, so that the ratios hold on any
 * machine; absolute numbers are this machine's. The service has a core of its own, the load another; those of the rules are by a second of
 * processor time.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { createTestStack } from "../support/stack.ts";
import { cpuSeconds } from "./cpu.ts";

const seconds = Number(process.env.BENCH_SECONDS ?? 8);
const run = promisify(execFile);
const file = (name: string) => join(import.meta.dirname, "combat", name);
const on = (core: number, ...args: string[]) => ["-c", String(core), process.execPath, ...args];

interface Row {
  name: string;
  castsPerSecond: number;
  /** Microseconds of the service's processor a cast. */
  cpu: number;
  effects?: number;
  p50?: number;
  p99?: number;
  refused?: number;
}

async function measureRules(): Promise<Row[]> {
  const { strikes, wholeFight } = JSON.parse((await run("taskset", on(0, file("rules.ts"), String(seconds)))).stdout);
  const row = (name: string, { casts, seconds }: { casts: number; seconds: number }): Row => ({
    name,
    castsPerSecond: casts / seconds,
    cpu: (seconds * 1e6) / casts,
  });
  return [row("the rules alone, strikes", strikes), row("the rules alone, a whole fight", wholeFight)];
}

async function measureService(name: string, port: string, pid: number, ...how: string[]): Promise<Row> {
  const generate = async (seconds: number) =>
    JSON.parse((await run("taskset", on(1, file("load.ts"), port, String(seconds), ...how))).stdout);
  await generate(2);
  const before = cpuSeconds(pid);
  const { casts, refused, effects, seconds: took, p50, p99 } = await generate(seconds);
  const cpu = ((cpuSeconds(pid) - before) * 1e6) / casts;
  return { name, castsPerSecond: casts / took, cpu, effects: effects / took, p50, p99, refused };
}

function printTable(rows: Row[]): void {
  const floor = rows[0]!;
  console.log("| | casts/s | ratio | CPU µs a cast | ratio | effects told/s | p50 ms | p99 ms | refused |");
  console.log("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
  for (const { name, castsPerSecond, cpu, effects, p50, p99, refused } of rows) {
    const cells = [
      name,
      castsPerSecond.toFixed(0),
      (castsPerSecond / floor.castsPerSecond).toFixed(3),
      cpu.toFixed(1),
      (cpu / floor.cpu).toFixed(1),
      effects?.toFixed(0) ?? "",
      p50?.toFixed(1) ?? "",
      p99?.toFixed(1) ?? "",
      refused ?? "",
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

const stack = await createTestStack({ only: ["postgres"] });
try {
  const rows = await measureRules();
  const server = spawn("taskset", on(0, file("server.ts")), {
    env: { ...process.env, DATABASE_URL: stack.databaseUrl("combat") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [port] = (await once(createInterface(server.stdout), "line")) as [string];
    rows.push(await measureService("by stream, 8 casts a message", port, server.pid!, "stream", "8"));
    rows.push(await measureService("by stream, a cast a message", port, server.pid!, "stream", "1"));
    rows.push(await measureService("by unary call", port, server.pid!, "unary"));
  } finally {
    server.kill();
    await once(server, "exit");
  }
  console.log(`\n100 players in 20 groups, ${seconds} s each; in a stream each hears of their group's casts too\n`);
  printTable(rows);
} finally {
  await stack.stop();
}
