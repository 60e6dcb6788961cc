import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { startEngines } from "../support/stack.ts";
import { until } from "../support/until.ts";

const pump = join(import.meta.dirname, "../support/event-pump.ts");
const count = 2_000;
const kills = 5;

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once("exit", resolve));
}

test("events survive the killing of writer, relay, consumer and Kafka: none is lost, none has its effect twice, each key keeps its order", async (t) => {
  const engines = await startEngines(t, ["postgres", "kafka"]);
  const url = engines.databaseUrl("account");
  const pool = new pg.Pool({ connectionString: url });
  pool.on("error", () => undefined);
  t.after(() => pool.end());
  let output = "";
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  const start = () => {
    const started = spawn(process.execPath, [pump, url, engines.kafkaBrokers, String(count)], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LOG_LEVEL: "warn" },
    });
    for (const stream of [started.stdout, started.stderr])
      stream.on("data", (chunk) => {
        output += chunk;
      });
    started.once("exit", (code, signal) => {
      if (signal !== "SIGKILL") ended.reject(new Error(`the event pump ended by itself (${signal ?? code})`));
    });
    return started;
  };

  let child = start();
  t.after(async () => {
    child.kill("SIGKILL");
    await exited(child);
  });
  const handled = async () => {
    const { rows } = await pool.query<{ n: string }>("select coalesce(sum(n), 0) as n from tally");
    return Number(rows[0]!.n);
  };
  /** However slow the machine is, something is handled every now and then. */
  const reach = async (share: number) => {
    for (let n = 0; n < share; ) {
      const more = until(
        `more than ${n} events are handled`,
        async () => {
          const now = await handled();
          return now > n && now;
        },
        120_000,
      );
      n = await Promise.race([more, ended.promise]).catch((error: Error) => {
        throw new Error(`${error.message}\nkafka is ${engines.process("kafka").status}\n${output.slice(-8_000)}`);
      });
    }
  };
  // Each kill comes in the middle of the work: when a further share of the events has been handled.
  for (let kill = 1; kill <= kills; kill++) {
    await reach(Math.ceil((count * kill) / (kills + 1)));
    if (kill === 3) {
      engines.process("kafka").kill("SIGKILL");
      await engines.process("kafka").waitReady(300_000);
    } else {
      child.kill("SIGKILL");
      await exited(child);
      child = start();
    }
  }
  await reach(count);

  const { rows } = await pool.query<{ key: string; n: number; numbers: number[] }>("select * from tally order by key");
  assert.equal(
    rows.reduce((sum, { n }) => sum + n, 0),
    count,
  );
  for (const { key, numbers } of rows) {
    const expected = Array.from({ length: count }, (_, i) => i).filter((i) => `key-${i % 7}` === key);
    assert.deepEqual(numbers, expected, `${key} in order, each once`);
  }
  await until("the outbox is empty", async () => {
    const { rows: left } = await pool.query("select count(*)::int as n from outbox");
    return left[0].n === 0;
  });
});
