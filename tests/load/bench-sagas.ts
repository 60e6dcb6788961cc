/**
 * `npm run bench:sagas`: what a purchase and a contended trade cost, beside the least that a workflow of four steps costs on the same
 * Temporal: four activities that do nothing, and four local ones. The rounds take turns, so that the ratios hold on a busy machine too.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { PurchaseStatus } from "#gen/game/inventory/v1/purchase_pb.ts";
import { SocialService } from "#gen/game/social/v1/social_service_pb.ts";
import { TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import { connectTemporal, temporalNamespace } from "#kit/temporal.ts";
import { workload } from "../../mesh/local/topology.ts";
import { certsDir } from "../../stack/certificates.ts";
import type { Stack } from "../../stack/stack.ts";
import { joinGame, type Player } from "../support/players.ts";
import { createTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { cpuSeconds } from "./cpu.ts";

const seconds = Number(process.env.BENCH_SECONDS ?? 10);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const inFlight = 20;
const traders = 4;
const floorQueue = "floor";

/** One saga, from its beginning until its player knows the end. `i` counts up. */
type Work = (i: number) => Promise<void>;

interface Measured {
  done: number;
  seconds: number;
  times: number[];
  /** Sagas that came to another end: on a machine with too much to do a step may not be answered in time. */
  failed: number;
  /** Seconds of processor time so far, by who took them. */
  cpu: Record<string, number>;
}

const fresh = (): Measured => ({ done: 0, seconds: 0, times: [], failed: 0, cpu: {} });

/** `crowd` at a time, for as long as a round lasts. */
async function load(work: Work, crowd: number, into: Measured, forSeconds: number): Promise<void> {
  const start = performance.now();
  const end = start + forSeconds * 1_000;
  let next = into.done;
  await Promise.all(
    Array.from({ length: crowd }, async () => {
      while (performance.now() < end) {
        const began = performance.now();
        try {
          await work(next++);
          into.times.push(performance.now() - began);
          into.done++;
        } catch {
          into.failed++;
        }
      }
    }),
  );
  into.seconds += (performance.now() - start) / 1_000;
}

/** The first ones may fail, but not all. */
async function warmUp(name: string, work: Work): Promise<void> {
  const warm = fresh();
  await load(work, 2, warm, 2);
  if (warm.done === 0) throw new Error(`${name}: not one of ${warm.failed} went well`);
}

/** Who takes processor time, as the table names them. */
function rolesOf(stack: Stack): Record<string, number[]> {
  const roles: Record<string, number[]> = { "this process": [process.pid] };
  for (const { name, pid } of stack.processes) {
    const role = name.endsWith("-sidecar") || name === "edge" ? "envoys" : name;
    if (pid) roles[role] = [...(roles[role] ?? []), pid];
  }
  return roles;
}

/** Adds to `into` what each role takes while `work` runs. */
async function countCpu(roles: Record<string, number[]>, into: Measured, work: () => Promise<void>): Promise<void> {
  const read = () => Object.entries(roles).map(([role, pids]) => [role, sum(pids.map(cpuOf))] as const);
  const before = Object.fromEntries(read());
  await work();
  for (const [role, seconds] of read()) into.cpu[role] = (into.cpu[role] ?? 0) + seconds - before[role]!;
}

const cpuOf = (pid: number) =>
  pid === process.pid ? process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 : cpuSeconds(pid);
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

const percentile = (times: number[], share: number) =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;

/** Workflows that do nothing, with a worker in this process. */
async function createFloor(stack: Stack) {
  Runtime.install({ shutdownSignals: [], telemetryOptions: { logging: { filter: "ERROR", forward: {} } } });
  const connection = await NativeConnection.connect({ address: stack.temporalAddress });
  const worker = await Worker.create({
    connection,
    namespace: temporalNamespace,
    taskQueue: floorQueue,
    workflowsPath: join(import.meta.dirname, "floor-workflows.ts"),
    activities: { nothing: async () => undefined },
    maxConcurrentWorkflowTaskExecutions: 100,
  });
  const ended = worker.run();
  const temporal = connectTemporal({ address: stack.temporalAddress, identity: "bench" });
  const run = (name: string): Work => {
    return async () => {
      const options = { workflowId: `${name}-${randomUUID()}`, taskQueue: floorQueue };
      const handle = await temporal.ask((workflows) => workflows.start(name, options), 60_000);
      await temporal.ask(() => handle.result(), 60_000);
    };
  };
  return {
    temporal,
    run,
    async close() {
      worker.shutdown();
      await ended;
      await connection.close();
      await temporal.close();
    },
  };
}

/** Through the edge, as a player does it. */
const purchase = (players: Player[]): Work => {
  return async (i) => {
    const { inventory } = players[i % players.length]!;
    const order = { requestId: randomUUID(), itemId: "arrow", quantity: 1 };
    // On a machine that has too much to do an answer may be to come again: it is the same purchase then.
    const { purchaseId } = await until("it is bought", () => inventory.purchaseItem(order), 60_000);
    for (;;) {
      const { purchase: now } = await inventory.waitPurchase({ purchaseId }).catch(() => ({ purchase: undefined }));
      if (now?.status === PurchaseStatus.COMPLETED) return;
      if (now && now.status !== PurchaseStatus.RUNNING)
        throw new Error(`a purchase came to ${now.status} ${now.reason}`);
    }
  };
};

/** Past the edge, which lets a player make one offer a minute: everybody trades an arrow for gold with the same few. */
function contendedTrade(stack: Stack, players: Player[], resultOf: (tradeId: string) => Promise<unknown>): Work {
  const social = workload("social");
  const { host, port } = stack.at.app(social);
  const token = readFileSync(join(certsDir(stack.stateDir, social), "sidecar-token"), "utf8").trim();
  const clients = players.map(({ userId }) =>
    createClient(
      SocialService,
      createConnectTransport({
        baseUrl: `http://${host}:${port}`,
        httpVersion: "2",
        nodeOptions: { createConnection: () => net.connect(port, host) },
        interceptors: [
          (next) => (request) => {
            request.header.set("x-user-id", userId);
            request.header.set("x-sidecar-token", token);
            return next(request);
          },
        ],
      }),
    ),
  );
  return async (i) => {
    const [from, to] = [i % players.length, (i + 1) % players.length];
    const { trade } = await clients[from]!.offerTrade({
      requestId: randomUUID(),
      toUserId: players[to]!.userId,
      offered: { items: [{ itemId: "arrow", quantity: 1 }] },
      wanted: { gold: 1n },
      validS: 600,
    });
    const { tradeId } = trade!;
    await until("the offer stands", async () => {
      await pause(200);
      const { trade: now } = await clients[from]!.getTrade({ tradeId });
      return now!.status === TradeStatus.OFFERED;
    });
    await until("it is accepted", () => clients[to]!.acceptTrade({ tradeId }), 60_000);
    await resultOf(tradeId);
  };
}

const engines = ["postgres", "redis", "kafka", "temporal"];
const services = ["auth", "account", "inventory", "analytics", "social", "saga-worker"];
const stack = await createTestStack({
  only: [...engines, ...services, "edge"],
  env: { LOG_LEVEL: "warn", ACCOUNT_STARTING_GOLD: "1000000" },
});
try {
  const edge = `http://127.${stack.network}.0.1:8080`;
  const players: Player[] = [];
  while (players.length < inFlight) players.push(...(await Promise.all([1, 2, 3, 4].map(() => joinGame(edge)))));
  const floor = await createFloor(stack);
  const buying = purchase(players);
  const few = players.slice(0, traders);
  for (const { inventory } of few)
    for (let i = 0; i < 5; i++)
      await until("there are arrows", () =>
        inventory.purchaseItem({ requestId: `arrows-${i}`, itemId: "arrow", quantity: 100 }),
      );
  const works: Record<string, Work> = {
    "four empty activities": floor.run("fourActivities"),
    "four empty local activities": floor.run("fourLocalActivities"),
    "a purchase, through the edge": buying,
    [`a trade, all among ${traders} players`]: contendedTrade(stack, few, (tradeId) =>
      floor.temporal.ask((workflows) => workflows.result(tradeId), 60_000),
    ),
  };

  const roles = rolesOf(stack);
  const alone = new Map(Object.keys(works).map((name) => [name, fresh()]));
  const crowded = new Map(Object.keys(works).map((name) => [name, fresh()]));
  for (const [name, work] of Object.entries(works)) await warmUp(name, work);
  for (let round = 0; round < rounds; round++)
    for (const [name, work] of Object.entries(works)) {
      await load(work, 1, alone.get(name)!, seconds / 4);
      const into = crowded.get(name)!;
      await countCpu(roles, into, () => load(work, inFlight, into, seconds));
    }

  const rate = (name: string) => crowded.get(name)!.done / crowded.get(name)!.seconds;
  const floors = Object.keys(works);
  console.log(
    `| ${inFlight} in flight | sagas/s | to activities | to local ones | p50 ms | p99 ms | alone p50 ms | failed |`,
  );
  console.log(`|---|${"---:|".repeat(7)}`);
  for (const name of floors) {
    const { times, failed } = crowded.get(name)!;
    const cells = [
      name,
      rate(name).toFixed(1),
      (rate(name) / rate(floors[0]!)).toFixed(2),
      (rate(name) / rate(floors[1]!)).toFixed(2),
      percentile(times, 0.5).toFixed(0),
      percentile(times, 0.99).toFixed(0),
      percentile(alone.get(name)!.times, 0.5).toFixed(0),
      failed,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  console.log("\nProcessor time in milliseconds a saga\n");
  console.log(`| ${inFlight} in flight | all | ${Object.keys(roles).join(" | ")} |`);
  console.log(`|---|${"---:|".repeat(1 + Object.keys(roles).length)}`);
  for (const [name, { cpu, done }] of crowded) {
    const cells = [sum(Object.values(cpu)), ...Object.values(cpu)].map((s) => ((s / done) * 1_000).toFixed(1));
    console.log(`| ${[name, ...cells].join(" | ")} |`);
  }
  await floor.close();
} finally {
  await stack.stop();
}
process.exit();
