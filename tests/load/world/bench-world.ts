/**
 * `npm run bench:world`: how many moving players one core of the world carries. Each server runs on core 0 and the players on core 1; what is
 * compared is the processor time that a player costs, so that it holds on a machine that does other things too.
 */
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { format, workload } from "../../../mesh/local/topology.ts";
import { certsDir } from "../../../stack/certificates.ts";
import { createTestStack } from "../../support/stack.ts";
import { cpuSeconds } from "../cpu.ts";
import type { WorldLoad, WorldOutcome } from "./load.ts";

const players = Number(process.env.BENCH_PLAYERS ?? 300);
const seconds = Number(process.env.BENCH_SECONDS ?? 10);
/** Square metres a player: about twenty others are in sight. */
const ground = 115;

const side = Math.ceil(Math.sqrt(players * ground));
const zoneId = "bench";

/** A zone of nothing but ground, where players come in all over the place. */
function layZone(folder: string): void {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const spawnPoints = Array.from({ length: players }, () => [random() * side, random() * side]);
  const zone = { id: zoneId, name: "Bench", start: true, width: side, height: side, cellSize: 16, spawnPoints };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "bench.json"), JSON.stringify(zone));
}

const pin = (core: number, pid: number) => execFileSync("taskset", ["-a", "-cp", String(core), String(pid)]);

/** Runs the players on core 1, and counts the processor time of `roots` while they are counted. */
async function run(
  load: WorldLoad,
  roots: Record<string, number>,
): Promise<WorldOutcome & { cpu: Record<string, number> }> {
  const child = spawn("taskset", ["-c", "1", process.execPath, join(import.meta.dirname, "load.ts")], {
    stdio: ["pipe", "pipe", "inherit", "ipc"],
  });
  child.stdin!.end(JSON.stringify(load));
  const use = () => Object.entries(roots).map(([name, pid]) => [name, cpuSeconds(pid)] as const);
  let before = use();
  let after = before;
  child.on("message", (word) => {
    if (word === "counting") before = use();
    else after = use();
  });
  const outcome = JSON.parse(await text(child.stdout!)) as WorldOutcome;
  const cpu = after.map(([name, used], i) => [name, (used - before[i]![1]) / outcome.seconds]);
  return { ...outcome, cpu: Object.fromEntries(cpu) };
}

/** The histogram of ticks since the start: its p99, as the bucket that holds it. */
async function tickP99(url: string): Promise<string> {
  const session = connect(url);
  const request = session.request({ ":path": "/metrics" });
  const body = await text(request);
  session.close();
  const buckets = [...body.matchAll(/^game_world_tick_duration(?:_seconds)?_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)/gm)];
  const total = Number(buckets.at(-1)?.[2] ?? 0);
  const found = buckets.find(([, , count]) => Number(count) >= 0.99 * total);
  return found ? `${1_000 * Number(found[1])} ms` : "";
}

const folder = mkdtempSync(join(tmpdir(), "bench-world-"));
layZone(folder);
const stack = await createTestStack({ only: ["postgres", "world"], env: { WORLD_ZONES: folder, LOG_LEVEL: "warn" } });
try {
  const world = workload("world");
  const { pid } = stack.process("world");
  pin(0, pid!);
  const url = `http://${format(stack.at.app(world))}`;
  const token = readFileSync(join(certsDir(stack.stateDir, world), "sidecar-token"), "utf8").trim();
  const headers = Array.from({ length: players }, (_, i) => ({
    ...{ "x-user-id": randomUUID(), "x-user-name": `p${i}`, "x-sidecar-token": token },
  }));
  const load = { url, zoneId, players: headers, seconds, width: 100 * side, height: 100 * side };
  const { cpu, ...result } = await run(load, { world: pid! });
  const rows = {
    players: result.players,
    "moves/s": (result.sent / result.seconds).toFixed(0),
    "updates/s": (result.updates / result.seconds).toFixed(0),
    "bytes an update": (result.bytes / result.updates).toFixed(0),
    "CPU of the world, cores": cpu.world!.toFixed(3),
    "CPU µs a move and its update": ((1e6 * cpu.world! * result.seconds) / result.updates).toFixed(0),
    "players a core": (result.players / cpu.world!).toFixed(0),
    "gap p50, p99 ms": `${result.gapP50.toFixed(0)}, ${result.gapP99.toFixed(0)}`,
    "move to update p50, p99 ms": `${result.ageP50.toFixed(0)}, ${result.ageP99.toFixed(0)}`,
    "tick p99 within": await tickP99(url),
    "corrections, lost streams": `${result.corrections}, ${result.lost}`,
  };
  console.log("| world, direct | |\n|---|---:|");
  for (const [name, value] of Object.entries(rows)) console.log(`| ${name} | ${value} |`);
} finally {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
