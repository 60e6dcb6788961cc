/**
 * `npm run bench:rpc`: what one profile call costs as a bare node:http reply, at the service directly, and through edge and sidecar with all
 * policy on. One run, so that the ratios hold on any machine; absolute numbers are this machine's.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { joinGame, type Player } from "../support/players.ts";
import { createTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { type Measured, measure, printTable } from "./measure.ts";

const seconds = Number(process.env.BENCH_SECONDS ?? 8);
const inFlight = 16;
const json = { "content-type": "application/json" };
const path = "/game.account.v1.AccountService/GetUserProfile";

async function measureBare(host: string): Promise<Measured> {
  const port = 9190;
  const server = spawn(process.execPath, [join(import.meta.dirname, "bare-http.ts"), host, String(port)]);
  try {
    const url = `http://${host}:${port}`;
    await until("the bare server answers", async () => (await fetch(url, { method: "POST" })).ok);
    const load = { kind: "http1", url, path: "/", body: "{}", headers: [json], inFlight, seconds } as const;
    return await measure("bare node:http", { service: server.pid! }, load);
  } finally {
    server.kill();
    await once(server, "exit");
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
  const asPlayer = players.map(({ userId, username }) => ({ "x-user-id": userId, "x-user-name": username }));
  const withToken = players.map(({ accessToken }) => ({ ...json, authorization: `Bearer ${accessToken}` }));
  const load = { kind: "http2", path, body: "{}", inFlight, seconds } as const;
  const service = { service: pid("account"), postgres: pid("postgres") };
  const mesh = { ...service, sidecar: pid("account-sidecar"), edge: pid("edge") };
  const results = [
    await measureBare(`${network}.0.1`),
    await measure("the service directly", service, {
      ...load,
      url: `http://${network}.0.1:9102`,
      headers: asPlayer.map((headers) => ({ ...json, ...headers, "x-sidecar-token": token })),
    }),
    await measure("edge and sidecar, all policy", mesh, { ...load, url: edge, headers: withToken }),
  ];
  console.log(`\nGetUserProfile, ${inFlight} in flight, ${seconds} s each\n`);
  printTable(results);
} finally {
  await stack.stop();
}
