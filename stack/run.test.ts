import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";

/** Runs a script by run.mjs. */
function run(t: TestContext, script: string, ...args: string[]) {
  const dir = mkdtempSync(join(tmpdir(), "run-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "script.ts"), script);
  const child = spawn(process.execPath, [join(import.meta.dirname, "run.mjs"), join(dir, "script.ts"), ...args]);
  t.after(() => child.kill("SIGKILL"));
  return child;
}

test("a script runs with Node 24, its arguments and its exit code", async (t) => {
  const child = run(t, "console.log(process.version, process.argv.slice(2)); process.exit(7)", "chat", "-f");
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  assert.match(output, /^v24\.\S+ \[ 'chat', '-f' \]\n$/);
  assert.equal(code, 7);
});

test("signals reach the script, and its end by one is told as a shell tells it", async (t) => {
  const child = run(
    t,
    `process.on("SIGTERM", () => { console.log("asked"); process.kill(process.pid, "SIGKILL"); });
    setInterval(() => {}, 1000); console.log("up");`,
  );
  const chunks = child.stdout.setEncoding("utf8")[Symbol.asyncIterator]();
  assert.equal((await chunks.next()).value, "up\n");
  child.kill("SIGTERM");
  assert.equal((await chunks.next()).value, "asked\n");
  assert.deepEqual((await once(child, "exit"))[0], 128 + 9);
});

test("a script ends in order when the npm that runs it is told to end, although npm tells only its shell", async (t) => {
  const script = `process.on("SIGTERM", () => { console.log("asked"); process.exit(); });
    setInterval(() => {}, 1000); console.log("up");`;
  const path = join(import.meta.dirname, "run.mjs");
  const file = join(mkdtempSync(join(tmpdir(), "run-")), "script.ts");
  t.after(() => rmSync(join(file, ".."), { recursive: true, force: true }));
  writeFileSync(file, script);
  // The second command keeps the shell from becoming the first.
  const shell = spawn("sh", ["-c", `"${process.execPath}" "${path}" "${file}"; exit 1`], {
    env: { ...process.env, npm_lifecycle_event: "start" },
  });
  const chunks = shell.stdout.setEncoding("utf8")[Symbol.asyncIterator]();
  assert.equal((await chunks.next()).value, "up\n");
  shell.kill("SIGTERM");
  assert.equal((await chunks.next()).value, "asked\n");
});
