// node stack/run.mjs <script> [args]: runs a script of this project with the Node of package.json, after installing the packages when
// they are missing or no longer those of package-lock.json. Plain JavaScript that needs Node 20 and nothing else: it is what runs first.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
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

if (!installed()) await install();
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
    const lines = output.split("\n").filter((line) => line.trim() && !line.includes("complete log of this run"));
    fail(
      `packages: npm ci failed: ${lines.find((line) => /code E|network|ERR/.test(line)) ?? lines.at(-1) ?? code}`,
      lines,
    );
  }
  if (!existsSync(node))
    fail("packages: npm ci left no Node 24: its install scripts must be allowed (npm config get ignore-scripts)");
  note(`packages: ready after ${seconds()}`);
}

async function run(path, args) {
  const env = { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}` };
  const child = spawn(node, [path, ...args], { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) process.on(signal, () => child.kill(signal));
  const [code, signal] = await new Promise((done) => {
    child.on("error", (error) => fail(`cannot run ${node}: ${error.message}`));
    child.on("close", (...result) => done(result));
  });
  process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
}

function note(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line, details = []) {
  for (const detail of details.slice(-8)) note(`  ${detail}`);
  note(line);
  process.exit(1);
}
