/**
 * `npm run bench:world`: how many moving players one core of the world carries, directly and through edge and sidecar, and beside it the same scenario
 * on Colyseus and on plain WebSockets, in one run. More and more players come until a server does not keep its ticks; each server has the first
 * processor (the world with its sidecar), the players the second (with the edge). BENCH_ONLY=world,ws measures some of them.
 */
import { spawn } from "node:child_process";
import { on } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestStack } from "../../support/stack.ts";
import { cpuSeconds } from "../cpu.ts";
import { type Counted, countBetween } from "./counters.ts";
import type { WorldLoad, WorldOutcome } from "./load.ts";
import { createScene, layScene } from "./scene.ts";
import { type Server, type Setting, startBaseline, startMeshedWorld, startWorld } from "./servers.ts";

const seconds = Number(process.env.BENCH_SECONDS ?? 5);
const most = 3_000;
const tickBudgetMs = 50;
/** Of 20 updates a second, and of 20 moves, so many must come. */
const least = 19;

interface Variant {
  name: string;
  start: (setting: Setting) => Promise<Server>;
  /** With how many players it begins. */
  from: number;
}

const variants: Record<string, Variant> = {
  world: { name: "world", start: startWorld, from: 1_600 },
  edge: { name: "world through edge and sidecar", start: startMeshedWorld, from: 300 },
  colyseus: { name: "Colyseus, views filtered", start: (setting) => startBaseline("colyseus", setting), from: 300 },
  ws: { name: "the floor: ws and a grid", start: (setting) => startBaseline("ws", setting), from: 1_000 },
};
const step = Number(process.env.BENCH_STEP ?? 100);

interface Stage extends WorldOutcome, Counted {
  /** Cores, by process. */
  cores: Record<string, number>;
}

const updatesEach = ({ updates, players, seconds }: WorldOutcome) => updates / players / seconds;
const movesEach = ({ steps, players, seconds }: Stage) => steps / players / seconds;
const keepsUp = (stage: Stage) =>
  stage.tickP99 <= tickBudgetMs && updatesEach(stage) >= least && movesEach(stage) >= least && stage.lost === 0;

/**
 * Lets more and more players come until the server does not keep up, twice with as many: once may be the machine's doing.
 *
 * @yields each stage.
 */
async function* ramp(server: Server, from: number): AsyncGenerator<Stage> {
  const child = spawn("taskset", ["-c", "1", process.execPath, join(import.meta.dirname, "load.ts")], {
    stdio: ["pipe", "inherit", "inherit", "ipc"],
  });
  const { kind, url, headers, streamsPerConnection } = server;
  const { zoneId, width, height } = scene;
  const load: WorldLoad = { kind, url, zoneId, headers, streamsPerConnection, seconds, width, height };
  child.stdin!.end(JSON.stringify(load));
  const words = on(child, "message", { close: ["exit"] });
  const heard = async () => {
    const { value, done } = await words.next();
    if (done) throw new Error("the players are gone");
    return value[0];
  };
  const look = async () => ({
    metrics: await server.metrics(),
    cpu: Object.values(server.processes).map((pid) => cpuSeconds(pid)),
  });
  await heard();
  try {
    let failures = 0;
    for (let players = from; players <= most && failures < 2; players += failures > 0 ? 0 : step) {
      child.send(players);
      await heard();
      const before = await look();
      await heard();
      const after = await look();
      const outcome: WorldOutcome = await heard();
      const cores = Object.keys(server.processes).map((name, i) => [
        name,
        (after.cpu[i]! - before.cpu[i]!) / outcome.seconds,
      ]);
      const stage: Stage = {
        ...outcome,
        ...countBetween(before.metrics, after.metrics),
        cores: { ...Object.fromEntries(cores), players: outcome.cpu },
      };
      failures = keepsUp(stage) ? 0 : failures + 1;
      yield stage;
    }
  } finally {
    child.kill();
  }
}

const columns: [string, (stage: Stage) => string][] = [
  ["players", ({ players }) => String(players)],
  ["moves accepted/s", ({ steps, seconds }) => (steps / seconds).toFixed(0)],
  ["p99 tick ms", ({ tickP99 }) => tickP99.toFixed(0)],
  ["updates/s each", (stage) => updatesEach(stage).toFixed(1)],
  // The first process is the server itself.
  ["players a core of its own", ({ players, cores }) => (players / Object.values(cores)[0]!).toFixed(0)],
  ["bytes an update", ({ bytes, updates }) => (bytes / updates).toFixed(0)],
  ["move to update p50, p99 ms", ({ ageP50, ageP99 }) => `${ageP50.toFixed(0)}, ${ageP99.toFixed(0)}`],
  [
    "cores",
    ({ cores }) =>
      Object.entries(cores)
        .map(([name, used]) => `${name} ${used.toFixed(2)}`)
        .join(", "),
  ],
  ["put back, lost", ({ corrections, lost }) => `${corrections}, ${lost}`],
];
const row = (name: string, stage: Stage) => `| ${[name, ...columns.map(([, of]) => of(stage))].join(" | ")} |`;
const head = ["", ...columns.map(([name]) => name)];

const only = process.env.BENCH_ONLY?.split(",") ?? Object.keys(variants);
const scene = createScene(most);
const folder = mkdtempSync(join(tmpdir(), "bench-world-"));
const { zones, file } = layScene(scene, folder);
const stack = await createTestStack({ only: ["postgres"] });
const table: string[] = [];
try {
  for (const key of only) {
    const { name, start, from } = variants[key]!;
    const server = await start({ stack, zones, sceneFile: file, players: most });
    let best: Stage | undefined;
    try {
      for await (const stage of ramp(server, Number(process.env.BENCH_FROM ?? from))) {
        console.log(row(name, stage));
        if (keepsUp(stage)) best = stage;
      }
    } finally {
      await server.stop();
    }
    if (best) table.push(row(name, best));
  }
} finally {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  `\nThe most players whose ticks are kept: 99 of 100 within ${tickBudgetMs} ms, and ${least} moves and updates/s each\n`,
);
console.log(`| ${head.join(" | ")} |\n|---|${"---:|".repeat(columns.length)}\n${table.join("\n")}`);
process.exit(0);
