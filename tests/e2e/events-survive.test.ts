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
  const start = () =>
    spawn(process.execPath, [pump, url, engines.kafkaBrokers, String(count)], {
      stdio: "ignore",
      env: { ...process.env, LOG_LEVEL: "silent" },
    });

  let child = start();
  t.after(async () => {
    child.kill("SIGKILL");
    await exited(child);
  });
  const handled = async () => {
    const { rows } = await pool.query<{ n: string }>("select coalesce(sum(n), 0) as n from tally");
    return Number(rows[0]!.n);
  };
  // Each kill comes in the middle of the work: when a further share of the events has been handled.
  for (let kill = 1; kill <= kills; kill++) {
    const reached = (count * kill) / (kills + 1);
    await until(`${reached} events are handled`, async () => (await handled()) >= reached, 120_000);
    if (kill === 3) engines.process("kafka").kill("SIGKILL");
    else {
      child.kill("SIGKILL");
      await exited(child);
      child = start();
    }
  }
  await until("all events are handled", async () => (await handled()) >= count, 120_000);

  const { rows } = await pool.query<{ key: string; n: number; numbers: number[] }>("select * from tally order by key");
  assert.equal(
    rows.reduce((sum, { n }) => sum + n, 0),
    count,
  );
  for (const { key, numbers } of rows) {
    const expected = Array.from({ length: count }, (_, i) => i).filter((i) => `key-${i % 7}` === key);
    assert.deepEqual(numbers, expected, `${key} in order, each once`);
  }
  const { rows: left } = await pool.query("select count(*)::int as n from outbox");
  assert.equal(left[0].n, 0, "the outbox is empty");
});
