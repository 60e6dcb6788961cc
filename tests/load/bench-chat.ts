/**
 * `npm run bench:chat`: how many deliveries a second of its processor chat makes to 200 listeners of one channel, and beside it Socket.IO, in one run.
 * The server has one processor, the crowd the other. What chat says is stored in Postgres before anybody hears it, filtered and told to Kafka's outbox;
 * Socket.IO stores nothing.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import type { Crowd, Heard } from "./chat/crowd.ts";
import { cpuSeconds } from "./cpu.ts";

const seconds = Number(process.env.BENCH_SECONDS ?? 10);
const listeners = 200;
const here = join(import.meta.dirname, "chat");
const run = promisify(execFile);

/** BENCH_PROFILE names a folder for a CPU profile of each server. */
const profile = process.env.BENCH_PROFILE ? ["--cpu-prof", `--cpu-prof-dir=${process.env.BENCH_PROFILE}`] : [];

/** Starts a program on the first processor. */
const startServer = (args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess =>
  spawn("taskset", ["-c", "0", process.execPath, ...profile, ...args], {
    cwd: join(import.meta.dirname, "../.."),
    env: { ...process.env, ...env },
    stdio: "ignore",
  });

async function hear(crowd: Crowd): Promise<Heard> {
  const running = run("taskset", ["-c", "1", process.execPath, join(here, "crowd.ts")]);
  running.child.stdin!.end(JSON.stringify(crowd));
  return JSON.parse((await running).stdout);
}

const listensAt = (host: string, port: number) => async () => {
  const socket = net.connect(port, host);
  await once(socket, "connect");
  socket.destroy();
  return true;
};

async function measure(name: string, server: ChildProcess, crowd: Crowd): Promise<void> {
  try {
    await until(`${name} listens`, listensAt(crowd.host, crowd.port), 60_000);
    // Warms up, and for chat waits for its schema.
    await until(`${name} answers`, () => hear({ ...crowd, seconds: 2 }), 120_000);
    const before = cpuSeconds(server.pid!);
    const heard = await hear(crowd);
    const cpu = cpuSeconds(server.pid!) - before;
    const cells = [
      name,
      crowd.inFlight,
      Math.round(heard.messages / heard.seconds),
      Math.round(heard.deliveries / heard.seconds),
      Math.round(heard.deliveries / cpu),
      heard.p50.toFixed(0),
      heard.p99.toFixed(0),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  } finally {
    server.kill();
    await once(server, "exit");
  }
}

if (!existsSync(join(here, "socket-io/node_modules/socket.io")))
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: join(here, "socket-io") });
const stack = await createTestStack({ only: ["postgres", "redis"] });
try {
  const host = `127.${stack.network}.0.1`;
  console.log(`\n${listeners} listeners of one channel, ${seconds} s each\n`);
  console.log(
    "| | said at once | messages/s | deliveries/s | deliveries a second of the server's processor | heard after p50 ms | p99 |",
  );
  console.log(`|---|${"---:|".repeat(6)}`);
  for (const inFlight of [1, 8, 32]) {
    const socketIo = { kind: "socket-io", host, port: 9_401, listeners, inFlight, seconds } as const;
    await measure("Socket.IO", startServer([join(here, "socket-io/server.js"), host, "9401"]), socketIo);
    const chat = { ...socketIo, kind: "chat", port: 9_400 } as const;
    const env = {
      SERVICE_INSTANCE: "chat",
      LISTEN: `${host}:${chat.port}`,
      LOG_LEVEL: "error",
      DATABASE_URL: stack.databaseUrl("chat"),
      REDIS_URL: stack.redisUrl("chat"),
      // There is none: events wait in the outbox.
      KAFKA_BROKERS: `${host}:19092`,
    };
    await measure("chat", startServer(["services/chat/main.ts"], env), chat);
  }
} finally {
  await stack.stop();
}
