/**
 * `npm run bench:edge`: what each part of the policy costs at the edge, how exact the limits are, and what the buckets of many users weigh.
 * The service behind the edge is an echo, so that the edge is what is measured; spans go to a real Jaeger.
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect } from "node:http2";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { format, workload } from "../../mesh/local/topology.ts";
import { envoyDir } from "../../mesh/tools/render.ts";
import { createJaeger } from "../../stack/engines/jaeger.ts";
import { openSecrets } from "../../stack/secrets.ts";
import { supervise } from "../../stack/supervisor.ts";
import { layVariant, type Variant, variants } from "./edge-variants.ts";
import { generate, type Measured, measure, printTable } from "./measure.ts";

const seconds = Number(process.env.BENCH_SECONDS ?? 6);
const inFlight = 16;
const read = "/game.account.v1.AccountService/GetUserProfile";
const send = "/game.chat.v1.ChatService/SendMessage";
const json = { "content-type": "application/json" };

/** The process id of a workload's Envoy: the one that works in its folder. */
function envoyPid(mesh: Mesh, name: string): number {
  const folder = envoyDir(mesh.stateDir, name);
  const inFolder = (pid: string) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === folder;
    } catch {
      return false;
    }
  };
  return Number(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .find(inFolder),
  );
}

const authorize = async (mesh: Mesh, users: number, permission: string) =>
  Promise.all(
    Array.from({ length: users }, async (_, i) => ({
      ...json,
      authorization: `Bearer ${await mesh.issuer.token(`user-${i}`, [permission])}`,
    })),
  );

async function measureVariant(variant: Variant): Promise<Measured> {
  const frozen = await layVariant(variant);
  try {
    await using mesh = await startMesh(frozen);
    const jaeger = supervise(
      createJaeger({
        stateDir: mesh.stateDir,
        network: mesh.network,
        secrets: openSecrets(`${mesh.stateDir}/secrets`),
        services: [],
      }),
      { logDir: mesh.stateDir },
    );
    await jaeger.start();
    await jaeger.waitReady();
    try {
      const sidecar = variant === "+ mTLS and sidecar" ? { sidecar: envoyPid(mesh, "account") } : {};
      const headers = await authorize(mesh, 400, "account:read");
      const load = {
        kind: "http2",
        url: `http://${format(mesh.at.edge)}`,
        path: read,
        body: "{}",
        headers,
        inFlight,
        seconds,
      } as const;
      return await measure(variant, { edge: envoyPid(mesh, "edge"), ...sidecar }, load);
    } finally {
      await jaeger.stop();
    }
  } finally {
    await rm(frozen, { recursive: true });
  }
}

async function measureDirect(): Promise<Measured> {
  await using mesh = await startMesh();
  const url = `http://${format(mesh.at.app(workload("account")))}`;
  return await measure(
    "direct, no edge",
    {},
    { kind: "http2", url, path: read, body: "{}", headers: [json], inFlight, seconds },
  );
}

/** Calls as fast as they go for a while: a bucket grants what it holds and what flows in. */
async function measureLimit(): Promise<void> {
  await using mesh = await startMesh();
  const [headers] = await authorize(mesh, 1, "chat:send");
  const load = {
    kind: "http2",
    url: `http://${format(mesh.at.edge)}`,
    path: send,
    body: "{}",
    headers: [headers!],
    inFlight: 4,
    seconds: 20,
  } as const;
  const { statuses, seconds } = await generate(load);
  const expected = 20 + 10 * seconds;
  const granted = statuses["200"] ?? 0;
  const off = (100 * (granted - expected)) / expected;
  console.log(
    `\nSendMessage, one user, bucket 20, 10 a second, ${seconds.toFixed(1)} s: ${granted} granted, ${expected.toFixed(0)} expected (${off.toFixed(1)} %), ${statuses["429"]} refused`,
  );
}

/** Each user who calls has buckets of their own at the edge. */
async function measureBuckets(users: number): Promise<void> {
  await using mesh = await startMesh();
  const pid = envoyPid(mesh, "edge");
  const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
  const url = `http://${format(mesh.at.edge)}`;
  const before = resident();
  const step = 5_000;
  for (let first = 0; first < users; first += step) {
    const headers = await Promise.all(
      Array.from({ length: step }, async (_, i) => ({
        authorization: `Bearer ${await mesh.issuer.token(`user-${first + i}`, ["account:read"])}`,
      })),
    );
    await callOnceEach(url, headers);
  }
  console.log(
    `\nAn edge with the buckets of ${users} users: ${before.toFixed(0)} -> ${resident().toFixed(0)} MiB resident`,
  );
}

async function callOnceEach(url: string, headers: Record<string, string>[]): Promise<void> {
  const session = connect(url);
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < headers.length; i = next++)
      await new Promise<void>((resolve, reject) => {
        const stream = session.request({ ":method": "POST", ":path": read, ...json, ...headers[i] });
        stream.on("error", reject).resume().on("end", resolve).end("{}");
      });
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  session.close();
}

const results = [await measureDirect()];
for (const variant of variants) results.push(await measureVariant(variant));
console.log(`\nGetUserProfile of an echo, ${inFlight} in flight, ${seconds} s each\n`);
printTable(results);
await measureLimit();
await measureBuckets(Number(process.env.BENCH_USERS ?? 100_000));
