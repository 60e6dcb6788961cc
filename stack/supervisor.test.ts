import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../tests/support/until.ts";
import { identify } from "./process-identity.ts";
import { type ManagedProcess, type ProcessSpec, supervise } from "./supervisor.ts";

/** Supervises a script that runs with `dir` as its working directory and is ready when the file `ready` is there. */
function startScript(t: TestContext, script: string, options: Partial<ProcessSpec> = {}) {
  const dir = mkdtempSync(join(tmpdir(), "supervisor-"));
  const history: string[] = [];
  const process_: ManagedProcess = supervise(
    {
      name: "script",
      launch: async () => ({ file: process.execPath, args: ["-e", script], cwd: dir }),
      probe: async () => {
        if (!existsSync(join(dir, "ready"))) throw new Error("not ready");
      },
      ...options,
    },
    { logDir: join(dir, "logs"), backoffMs: 20 },
  );
  process_.onChange(() => history.push(`${process_.status} ${process_.detail}`.trim()));
  t.after(async () => {
    await process_.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return { process: process_, dir, history, log: () => readFileSync(join(dir, "logs/script.log"), "utf8") };
}

const stay = "setInterval(() => {}, 1000);";
const beReady = "require('fs').writeFileSync('ready', '');";

test("a process is ready when its probe passes, and its output is in its log", async (t) => {
  const { process, history, log } = startScript(t, `console.log('hello');${beReady}${stay}`);
  await process.start();
  await process.waitReady(60_000);
  assert.deepEqual(history, ["preparing", "starting", "ready"]);
  assert.equal(log(), "hello\n");
});

test("a process that ends by itself is started again after a pause that doubles", async (t) => {
  const { process, history } = startScript(t, "process.exit(3)");
  await process.start();
  await until("three starts", async () => history.filter((line) => line === "starting").length >= 3, 60_000);
  await process.stop();
  assert.deepEqual(history.filter((line) => line.startsWith("waiting")).slice(0, 2), [
    "waiting exit 3, again in 0.02 s",
    "waiting exit 3, again in 0.04 s",
  ]);
  assert.equal(process.status, "stopped");
});

test("one that is killed is not ready at that very moment, and comes back with another id", async (t) => {
  const { process, history } = startScript(t, beReady + stay);
  await process.start();
  await process.waitReady(60_000);
  const { pid } = process;
  process.kill("SIGKILL");
  assert.notEqual(process.status, "ready");
  await process.waitReady(60_000);
  assert.notEqual(process.pid, pid);
  assert.ok(history.includes("waiting killed by SIGKILL, again in 0.02 s"), history.join("; "));
});

test("stop ends the children of a process too, and it stays stopped until it is started", async (t) => {
  const child = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }).pid`;
  const { process, dir } = startScript(t, `require('fs').writeFileSync('child', String(${child}));${beReady}${stay}`);
  await process.start();
  await process.waitReady(60_000);
  const grandchild = Number(readFileSync(join(dir, "child"), "utf8"));
  assert.ok(identify(grandchild));
  await process.stop();
  assert.equal(process.pid, undefined);
  await until("the grandchild is gone", async () => !identify(grandchild), 60_000);
  await process.start();
  await process.waitReady(60_000);
});

test("a process that ignores the request to end is killed at its deadline", async (t) => {
  const { process } = startScript(t, `process.on('SIGTERM', () => {});${beReady}${stay}`, { stopDeadlineMs: 200 });
  await process.start();
  await process.waitReady(60_000);
  const pid = process.pid!;
  await process.stop();
  assert.equal(identify(pid), undefined);
});

test("one that is frozen by SIGSTOP can still be stopped", async (t) => {
  const { process } = startScript(t, beReady + stay);
  await process.start();
  await process.waitReady(60_000);
  const pid = process.pid!;
  process.kill("SIGSTOP");
  await process.stop();
  assert.equal(identify(pid), undefined);
});

test("what cannot be provided is said, and tried again only when told", async (t) => {
  let mended = false;
  const { process, dir } = startScript(t, "", {
    launch: async (tell) => {
      tell("downloading");
      if (!mended) throw new Error("the download was refused");
      return { file: globalThis.process.execPath, args: ["-e", stay], cwd: dir };
    },
  });
  await process.start();
  await assert.rejects(process.waitReady(60_000), /script is failed: the download was refused/);
  mended = true;
  writeFileSync(join(dir, "ready"), "");
  await process.restart();
  await process.waitReady(60_000);
});

test("a program that is not there is a failed start like any other", async (t) => {
  const { process, history } = startScript(t, "", { launch: async () => ({ file: "/nowhere/program", args: [] }) });
  await process.start();
  await until("it was tried", async () => history.find((line) => /waiting .*ENOENT/.test(line)), 60_000);
});
