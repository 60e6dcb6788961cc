/** The commands as a person types them, on the whole platform in a network of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { claimFreeNetwork } from "../mesh/local/network.ts";
import { sidecars } from "../mesh/local/topology.ts";
import { until } from "../tests/support/until.ts";
import { engineNames } from "./members.ts";
import { runs } from "./process-identity.ts";
import { endLeftovers, readState, removeState } from "./state.ts";

const cli = [join(import.meta.dirname, "cli.ts")];

describe("npm start and the commands beside it", () => {
  const stateDir = mkdtempSync(join(tmpdir(), "cli-"));
  let network = 0;
  let running: ChildProcess | undefined;
  let screen = "";

  /** Starts the platform and resolves when it says that it takes calls. */
  async function start(...options: string[]): Promise<void> {
    screen = "";
    const args = [...cli, "start", "--state-dir", stateDir, "--network", String(network), ...options];
    running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [running.stdout!, running.stderr!]) {
      stream.setEncoding("utf8").on("data", (chunk) => {
        screen += chunk;
      });
    }
    await until(
      "it takes calls",
      async () => {
        assert.equal(running?.exitCode, null, screen);
        return screen.includes("Ctrl-C ends it");
      },
      120_000,
    );
  }

  /** Runs one command to its end. */
  async function run(...args: string[]): Promise<{ code: number; output: string }> {
    const command = [...cli, ...args, "--state-dir", stateDir];
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, command);
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }

  const identities = () => Object.values(readState(stateDir)?.processes ?? {});

  before(async () => {
    const claimed = await claimFreeNetwork();
    network = claimed.network;
    await claimed.release();
    await start();
  });
  after(async () => {
    if (running?.exitCode === null && running.signalCode === null) {
      running.kill("SIGTERM");
      await once(running, "exit");
    }
    await endLeftovers(stateDir);
    removeState(stateDir);
  });

  test("the first screen's calls work as they stand", async () => {
    const script = screen.slice(screen.indexOf("export ANN="), screen.indexOf("npm run demo"));
    await until("all are ready", async () => (await run("status")).code === 0, 120_000);
    const { stdout } = await promisify(execFile)("sh", ["-ec", script]);
    const answers = stdout
      .trim()
      .replaceAll("}{", "}\n{")
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(answers.length, 3, stdout);
    const [sent, listed, bought] = answers;
    assert.equal(sent.message.text, "hello");
    assert.equal(listed.messages[0].text, "hello");
    assert.match(bought.purchaseId, /^purchase-/);
  });

  test("status lists every process with its address", async () => {
    const { code, output } = await until("all are ready", async () => {
      const answer = await run("status");
      return answer.code === 0 && answer;
    });
    assert.equal(code, 0);
    assert.match(output, new RegExp(`^chat-2-sidecar +ready .* 127\\.${network}\\.1\\.4:8080$`, "m"));
    const beside = sidecars.filter(({ optional }) => !optional);
    assert.equal(output.trim().split("\n").length, engineNames.length + 2 * beside.length + 1);
  });

  test("a second start says that one runs", async () => {
    const { code, output } = await run("start", "--network", String(network));
    assert.equal(code, 1);
    assert.match(output, /^it runs already, for (\d+m )?\d+ s \(pid \d+\): npm run status, npm run stop\n$/);
  });

  test("restart gives a process anew and leaves the others", async () => {
    const before = readState(stateDir)!.processes;
    const { output } = await run("restart", "chat-2");
    assert.match(output, /^chat-2 is ready again after/);
    const after = readState(stateDir)!.processes;
    assert.notEqual(after["chat-2"]!.pid, before["chat-2"]!.pid);
    assert.equal(after.chat!.pid, before.chat!.pid);
    assert.match((await run("restart", "nobody")).output, /^no process is named nobody: there are postgres, /);
  });

  test("logs shows what a process wrote", async () => {
    assert.match((await run("logs", "auth")).output, /"service":"auth"/);
    assert.match((await run("logs", "nobody")).output, /^there is no log of nobody; there are: /);
  });

  test("secrets are not for others", () => {
    for (const path of ["secrets", "secrets/control", "authority/ca.key", "stack.json"])
      assert.equal(statSync(join(stateDir, path)).mode & 0o077, 0, path);
  });

  test("after its supervisor was killed, the next start ends what was left and goes on with the data", async () => {
    const left = identities();
    running!.kill("SIGKILL");
    await once(running!, "exit");
    assert.equal((await run("status")).code, 3);
    assert.ok(left.some(runs));
    const players = /and (bob-\w+)/.exec(screen)![1]!;
    await start();
    assert.match(screen, /the last one was killed; ended what it had left: .*postgres/);
    assert.ok(screen.includes(players), "the players of the last start are still known");
    assert.ok(!left.some(runs));
  });

  test("stop ends all of it", async () => {
    const all = identities();
    assert.match((await run("stop")).output, /^Stopped\. The data stays/);
    assert.ok(!all.some(runs));
    assert.equal((await run("status")).code, 3);
    assert.match((await run("stop")).output, /^Nothing runs/);
  });

  test("Ctrl-C ends all of it, and --fresh forgets the data", async () => {
    const players = /and (bob-\w+)/.exec(screen)![1]!;
    await start("--fresh");
    assert.ok(!screen.includes(players));
    const all = identities();
    assert.ok(all.length >= 12);
    running!.kill("SIGINT");
    const [code] = await once(running!, "exit");
    assert.equal(code, 0, screen);
    assert.ok(!all.some(runs));
  });
});
