import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { claimFreeNetwork } from "../mesh/local/network.ts";
import { expectFree } from "./ports.ts";
import { identify, type ProcessIdentity, runs } from "./process-identity.ts";
import { startStack } from "./stack.ts";
import { endLeftovers, isRunning, keepState, readState, type StackState } from "./state.ts";

function temporary(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "state-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A process in a group of its own, as the supervisor starts them. */
async function startBystander(t: TestContext): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
  await once(child, "spawn");
  t.after(() => child.kill("SIGKILL"));
  return identify(child.pid!)!;
}

const gone = (identity: ProcessIdentity): ProcessIdentity => ({ ...identity, started: `${identity.started}0` });

function writeState(dir: string, owner: ProcessIdentity, processes: Record<string, ProcessIdentity>): void {
  const state: StackState = {
    owner,
    network: 7,
    started: new Date(0).toISOString(),
    processes: Object.fromEntries(
      Object.entries(processes).map(([name, identity]) => [name, { ...identity, stopSignal: "SIGTERM" as const }]),
    ),
  };
  writeFileSync(join(dir, "stack.json"), JSON.stringify(state));
}

test("a stack whose supervisor was killed is recognised, and what it left is ended", async (t) => {
  const dir = temporary(t);
  const left = await startBystander(t);
  writeState(dir, gone(identify(process.pid)!), { pump: left });
  assert.equal(isRunning(readState(dir)), false);
  assert.deepEqual(await endLeftovers(dir), ["pump"]);
  assert.equal(runs(left), false);
  assert.equal(existsSync(join(dir, "stack.json")), false);
});

test("another process that has got the same id meanwhile is left alone", async (t) => {
  const dir = temporary(t);
  const bystander = await startBystander(t);
  writeState(dir, gone(identify(process.pid)!), { pump: gone(bystander) });
  assert.deepEqual(await endLeftovers(dir), []);
  assert.equal(runs(bystander), true);
});

test("a stack whose supervisor runs is not touched", async (t) => {
  const dir = temporary(t);
  const worker = await startBystander(t);
  writeState(dir, identify(process.pid)!, { pump: worker });
  assert.equal(isRunning(readState(dir)), true);
  assert.deepEqual(await endLeftovers(dir), []);
  assert.equal(runs(worker), true);
});

test("the state names who supervises and every process from its start on", async (t) => {
  const dir = temporary(t);
  const worker = await startBystander(t);
  const state = keepState(dir, 7, new Map([["pump", "SIGINT"]]));
  state.spawned("pump", worker.pid);
  assert.deepEqual(readState(dir)?.processes, { pump: { ...worker, stopSignal: "SIGINT" } });
  assert.equal(isRunning(readState(dir)), true);
  state.remove();
  assert.equal(readState(dir), undefined);
});

test("two stacks cannot have the same network", async (t) => {
  const { network, release } = await claimFreeNetwork();
  t.after(release);
  await assert.rejects(startStack({ stateDir: temporary(t), network }), {
    name: "Fault",
    message: `another stack has the network 127.${network}.0.0 (pid ${process.pid}): stop it first`,
  });
});

test("a port that is taken is named, with the process that has it", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  await assert.rejects(expectFree(new Map([["redis", { host: "127.0.0.1", port }]])), {
    name: "Fault",
    message: new RegExp(
      `^redis needs 127\\.0\\.0\\.1:${port}, which .+ \\(pid ${process.pid}\\) has: end it, then start again$`,
    ),
  });
});
