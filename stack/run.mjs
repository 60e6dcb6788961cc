// node stack/run.mjs <script> [args]: runs a script of this project with the Node of package.json, after installing the packages when
// they are missing or no longer those of package-lock.json. Plain JavaScript that needs Node 20 and nothing else: it is what runs first.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = join(root, "node_modules/.bin/node");

const [script, ...args] = process.argv.slice(2);
if (!script) fail("usage: node stack/run.mjs <script> [args]");
if (Number(process.versions.node.split(".")[0]) < 20) {
  fail(`Node ${process.versions.node} is too old to begin with: install Node 20 or newer`);
}

while (!installed()) await alone(install);
await run(resolve(root, script), args);

/** Whether node_modules holds what package-lock.json says. npm writes its hidden lock last, so half an installation doesn't count. */
function installed() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    const present = JSON.parse(readFileSync(join(root, "node_modules/.package-lock.json"), "utf8")).packages;
    const same = ([path, { version, optional, peer }]) =>
      path === "" || (present[path] ? present[path].version === version : Boolean(optional ?? peer));
    const known = Object.keys(present).every((path) => path in wanted);
    return known && Object.entries(wanted).every(same) && existsSync(node);
  } catch {
    return false;
  }
}

/** Runs `work`, or when another run of this checkout is at it, waits until that one has ended. */
async function alone(work) {
  const name = `\0game-mesh-npm-${createHash("sha256").update(root).digest("hex").slice(0, 32)}`;
  const waiting = new Set();
  const lock = createServer((socket) => waiting.add(socket.on("error", () => undefined)));
  // Where there are no such sockets there is no lock.
  const taken = await new Promise((done) => {
    lock.on("error", ({ code }) => done(code === "EADDRINUSE")).listen(name, () => done(false));
  });
  if (!taken) {
    await work();
    lock.close();
    for (const socket of waiting) socket.destroy();
    return;
  }
  note("packages: another run is installing them, waiting for it");
  // The holder keeps the connection open as long as it lives.
  await new Promise((done) => connect(name).on("error", done).on("close", done).resume());
}

async function install() {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  note("packages: installing those of package-lock.json (npm ci)");
  const ticker = setInterval(() => note(`packages: still installing, ${seconds()}`), 15_000);
  const options = ["ci", "--loglevel=error", "--no-progress", "--no-audit", "--no-fund"];
  // Inside `npm start` the npm that runs is named; outside, the one on PATH is taken.
  const npm = process.env.npm_execpath;
  const child = npm?.endsWith(".js")
    ? spawn(process.execPath, [npm, ...options], { cwd: root, stdio: ["ignore", "pipe", "pipe"] })
    : spawn("npm", options, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const forward = (signal) => child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, forward);
  const code = await new Promise((done) => child.on("error", () => done("missing")).on("close", (code) => done(code)));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, forward);
  clearInterval(ticker);
  if (code === "missing") fail("npm is missing: install it (it comes with Node)");
  if (code !== 0) {
    if (code === null) process.exit(130);
    const lines = output.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, "").trim());
    const telling = lines.find((line) => line && !/^(code|syscall|errno|npm warn)\b/.test(line)) ?? `exit ${code}`;
    fail(`packages: npm ci failed: ${telling}`);
  }
  if (!existsSync(node))
    fail("packages: npm ci left no Node 24: its install scripts must be allowed (npm config get ignore-scripts)");
  note(`packages: ready after ${seconds()}`);
}

async function run(path, args) {
  const env = { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}` };
  const child = spawn(node, [path, ...args], { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) process.on(signal, () => child.kill(signal));
  // npm that is told to end ends the shell between it and this process, and nobody else.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, 500);
  if (!process.env.npm_lifecycle_event) clearInterval(watch);
  const [code, signal] = await new Promise((done) => {
    child.on("error", (error) => fail(`cannot run ${node}: ${error.message}`));
    child.on("close", (...result) => done(result));
  });
  process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
}

function note(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  note(line);
  process.exit(1);
}
