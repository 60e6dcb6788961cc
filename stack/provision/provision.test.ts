import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import type { Engine } from "./engine.ts";
import { provisionEngine } from "./index.ts";
import { withLock } from "./lock.ts";
import { runTool } from "./tool.ts";

function temporary(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "provision-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const engine = (install: Engine["install"]): Engine => ({ name: "pump", version: "1.2", path: "bin", install });

test("an engine is installed once, also when several ask at once", async (t) => {
  const cache = temporary(t);
  let installed = 0;
  const pump = engine(async (folder) => {
    installed++;
    writeFileSync(join(folder, "bin"), "");
  });
  const paths = await Promise.all([1, 2, 3].map(() => provisionEngine(pump, () => undefined, cache)));
  assert.deepEqual(new Set(paths), new Set([join(cache, "pump-1.2/bin")]));
  assert.equal(installed, 1);
});

test("half an installation is never used, and nothing is left of it", async (t) => {
  const cache = temporary(t);
  const broken = engine(async (folder) => {
    writeFileSync(join(folder, "bin"), "half");
    throw new Error("refused");
  });
  await assert.rejects(
    provisionEngine(broken, () => undefined, cache),
    /refused/,
  );
  assert.deepEqual(readdirSync(cache), []);
  const whole = engine(async (folder) => writeFileSync(join(folder, "bin"), "whole"));
  assert.equal(readFileSync(await provisionEngine(whole, () => undefined, cache), "utf8"), "whole");
});

test("an installation without the program that it is for is refused", async (t) => {
  const empty = engine(async () => undefined);
  await assert.rejects(
    provisionEngine(empty, () => undefined, temporary(t)),
    /pump: its package holds no bin/,
  );
});

test("what the person has already is used", async (t) => {
  const own = { ...engine(() => assert.fail("installed")), find: async () => "/usr/bin/pump" };
  assert.equal(await provisionEngine(own, () => undefined, temporary(t)), "/usr/bin/pump");
});

test("a lock that another process holds is waited for, and is free when that process is killed", async (t) => {
  const name = temporary(t);
  const holder = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `const { withLock } = await import(${JSON.stringify(join(import.meta.dirname, "lock.ts"))});
     setInterval(() => {}, 1000);
     await withLock(${JSON.stringify(name)}, () => { console.log("held"); return new Promise(() => {}); });`,
  ]);
  t.after(() => holder.kill("SIGKILL"));
  await once(createInterface({ input: holder.stdout }), "line");
  const waits = Promise.withResolvers<void>();
  let entered = false;
  const mine = withLock(
    name,
    async () => {
      entered = true;
    },
    waits.resolve,
  );
  await waits.promise;
  assert.equal(entered, false);
  holder.kill("SIGKILL");
  await mine;
  assert.equal(entered, true);
});

test("a tool that is missing or fails gives one line that says which and why", async () => {
  const words = { missing: "install the tool", failed: "tool could not download it" };
  await assert.rejects(runTool("no-such-tool", [], words), { name: "Fault", message: "install the tool" });
  await assert.rejects(runTool("no-such-tool", [], { ...words, nice: true }), { message: "install the tool" });
  await assert.rejects(runTool("sh", ["-c", "echo first; echo refused by the proxy >&2; exit 4"], words), {
    name: "Fault",
    message: "tool could not download it: refused by the proxy",
  });
});
