/**
 * `npm test`: gets the engines that the tests need, then runs all tests, or those that are named: `npm test -- kit/errors.test.ts`.
 * Other options go to node's test runner: `npm test -- --test-name-pattern=whisper tests/e2e/platform.test.ts`.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { bringProtoDeps } from "../proto/generate.ts";
import { type EngineName, provision } from "../stack/provision/index.ts";

const root = join(import.meta.dirname, "..");
const engines: EngineName[] = ["envoy", "postgres", "redis", "kafka", "temporal", "jaeger", "istiod", "istioctl"];

/** All of them before the first test, so that no test waits for a compiler. One line for each change of what an engine says. */
async function bringEngines(): Promise<void> {
  for (const name of engines) {
    let said = "";
    await provision(name, (line) => {
      // Elapsed times change each second; the word before them is the news.
      const news = line.replace(/,.*/, "");
      if (news !== said) console.log(`${name}: ${line}`);
      said = news;
    });
  }
}

/** These kill or measure a whole platform, which takes the whole machine: they follow all others, one after another. */
const alone = [
  "tests/e2e/events-survive.test.ts",
  "tests/mesh/watch.test.ts",
  "tests/saga/chaos/chaos.test.ts",
  "tests/saga/chaos/damage.test.ts",
];

let interrupted = false;

async function runTests(args: string[]): Promise<number> {
  if (args.some((arg) => !arg.startsWith("-"))) return runFiles(args, 2);
  const files = globSync("{kit,services,workflows,mesh,stack,tests}/**/*.test.ts", { cwd: root }).sort();
  const together = await runFiles([...args, ...files.filter((file) => !alone.includes(file))], 2);
  return interrupted ? together : (await runFiles([...args, ...alone], 1)) || together;
}

function runFiles(args: string[], concurrency: number): Promise<number> {
  const options = ["--test", `--test-concurrency=${concurrency}`, "--test-timeout=1200000", "--test-reporter=spec"];
  const child = spawn(process.execPath, [...options, ...args], { cwd: root, stdio: "inherit" });
  const forward = (signal: NodeJS.Signals) => {
    interrupted = true;
    child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, forward);
  return new Promise((resolve) =>
    child.once("exit", (code) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, forward);
      resolve(code ?? 1);
    }),
  );
}

try {
  bringProtoDeps();
  await bringEngines();
  process.exitCode = await runTests(process.argv.slice(2));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
