/**
 * `npm run bench:rpc`: what one profile call costs as a bare node:http reply, at the service directly, and through edge and sidecar with all
 * policy on. One run, so that the ratios hold on any machine; absolute numbers are this machine's.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { joinGame, type Player } from "../support/players.ts";
import { createTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { cpuSeconds } from "./cpu.ts";
import type { Load, Outcome } from "./generate.ts";

const run = promisify(execFile);
const seconds = Number(process.env.BENCH_SECONDS ?? 8);
const inFlight = 16;
const json = { "content-type": "application/json" };
const path = "/game.account.v1.AccountService/GetUserProfile";

interface Result {
  name: string;
  callsPerSecond: number;
  p50: number;
  p99: number;
  /** Microseconds of processor time a call, by process. */
  cpu: Record<string, number>;
  refused: number;
}

async function measure(
  name: string,
  roots: Record<string, number>,
  load: Omit<Load, "inFlight" | "seconds">,
): Promise<Result> {
  const generate = async (length: number): Promise<Outcome> => {
    const argument = JSON.stringify({ ...load, inFlight, seconds: length });
    const { stdout } = await run(process.execPath, [join(import.meta.dirname, "generate.ts"), argument]);
    return JSON.parse(stdout);
  };
  // Code warms up, and connections are there.
  await generate(2);
  const before = Object.entries(roots).map(([process, root]) => [process, cpuSeconds(root)] as const);
  const outcome = await generate(seconds);
  const cpu = Object.fromEntries(
    before.map(([process, then]) => [process, ((cpuSeconds(roots[process]!) - then) * 1e6) / outcome.calls]),
  );
  const refused = outcome.calls - (outcome.statuses["200"] ?? 0);
  return { name, callsPerSecond: outcome.calls / outcome.seconds, p50: outcome.p50, p99: outcome.p99, cpu, refused };
}

async function measureBare(host: string): Promise<Result> {
  const port = 9190;
  const server = spawn(process.execPath, [join(import.meta.dirname, "bare-http.ts"), host, String(port)], {
    detached: true,
  });
  try {
    const url = `http://${host}:${port}`;
    await until("the bare server answers", async () => (await fetch(url, { method: "POST" })).ok);
    return await measure(
      "bare node:http",
      { service: server.pid! },
      { kind: "http1", url, path: "/", body: "{}", headers: [json] },
    );
  } finally {
    server.kill();
    await once(server, "exit");
  }
}

function print(results: Result[]): void {
  const processes = [...new Set(results.flatMap(({ cpu }) => Object.keys(cpu)))];
  const total = ({ cpu }: Result) => Object.values(cpu).reduce((sum, us) => sum + us, 0);
  const floor = results[0]!;
  console.log(`\nGetUserProfile, ${inFlight} in flight, ${seconds} s each\n`);
  console.log(`| | calls/s | ratio | p50 ms | p99 ms | CPU µs a call | ratio | ${processes.join(" | ")} | refused |`);
  console.log(`|---|${"---:|".repeat(7 + processes.length)}`);
  for (const result of results) {
    const shares = processes.map((process) =>
      result.cpu[process] === undefined ? "" : result.cpu[process].toFixed(0),
    );
    const cells = [
      result.name,
      result.callsPerSecond.toFixed(0),
      (result.callsPerSecond / floor.callsPerSecond).toFixed(2),
      result.p50.toFixed(1),
      result.p99.toFixed(1),
      total(result).toFixed(0),
      (total(result) / total(floor)).toFixed(1),
      ...shares,
      result.refused,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

const stack = await createTestStack();
try {
  const network = `127.${stack.network}`;
  const edge = `http://${network}.0.1:8080`;
  // Enough players that no limit is met: each may make 50 calls a second of one kind.
  const players: Player[] = [];
  while (players.length < 60) players.push(...(await Promise.all([1, 2, 3, 4].map(() => joinGame(edge)))));
  const pid = (name: string) => stack.process(name).pid!;
  const token = readFileSync(join(stack.stateDir, "mesh/account/certs/sidecar-token"), "utf8").trim();
  const asPlayer = players.map(({ userId, username }) => ({
    ...json,
    "x-sidecar-token": token,
    "x-user-id": userId,
    "x-user-name": username,
  }));
  const withToken = players.map(({ accessToken }) => ({ ...json, authorization: `Bearer ${accessToken}` }));
  const direct = { service: pid("account"), postgres: pid("postgres") };
  const mesh = { ...direct, sidecar: pid("account-sidecar"), edge: pid("edge") };
  print([
    await measureBare(`${network}.0.1`),
    await measure("the service directly", direct, {
      kind: "http2",
      url: `http://${network}.0.1:9102`,
      path,
      body: "{}",
      headers: asPlayer,
    }),
    await measure("edge and sidecar, all policy", mesh, {
      kind: "http2",
      url: edge,
      path,
      body: "{}",
      headers: withToken,
    }),
  ]);
} finally {
  await stack.stop();
}
