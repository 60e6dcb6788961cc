import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Answer, call } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { runVersion } from "../../mesh/local/topology.ts";
import { compileMesh } from "../../mesh/tools/compile.ts";
import { policyDir, projectDir } from "../../mesh/tools/paths.ts";
import { type Edit, type Watching, watchMesh } from "../../mesh/tools/watch.ts";
import { provision } from "../../stack/provision/index.ts";
import { until } from "../support/until.ts";

// The examples of docs/shifts/, applied as a person applies them: to the policy of a running mesh, one after the other.

let mesh: Mesh;
let root: string;
let watching: Watching;
const edits: Edit[] = [];

before(async () => {
  runVersion("chat", "v2");
  runVersion("chat", "v3");
  root = await mkdtemp(join(tmpdir(), "mesh-shifts-"));
  const compiled = join(root, "compiled");
  await compileMesh(compiled);
  mesh = await startMesh(compiled);
  const policy = join(root, "mesh/istio");
  await cp(policyDir, policy, { recursive: true });
  const { stateDir, network } = mesh;
  const istioctl = await provision("istioctl");
  watching = watchMesh({ policy, stateDir, network, istioctl, onEdit: (edit) => edits.push(edit) });
  await until("the watcher has begun", async () => edits.length > 0, 180_000);
});
after(async () => {
  await watching?.stop();
  await mesh?.[Symbol.asyncDispose]();
  if (root) await rm(root, { recursive: true, force: true });
});

/** Applies a file of docs/shifts/ and waits until it is live. */
async function shift(file: string, ...options: string[]): Promise<void> {
  const count = edits.length;
  execFileSync("git", ["apply", ...options, join(projectDir, "docs/shifts", file)], { cwd: root });
  const { laid, findings } = await until(`${file} is live`, async () => edits[count], 60_000);
  assert.ok(laid, findings.map(({ reason }) => reason).join());
}

/** As `shift`, for one test. */
async function shifted(file: string, work: () => Promise<void>): Promise<void> {
  await shift(file);
  try {
    await work();
  } finally {
    await shift(file, "-R");
  }
}

/** Reads messages so often, as players of whom each stays within their limit, and gives the answers. */
async function read(times: number, headers: Record<string, string> = {}): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (answers.length < times) {
    const token = await mesh.issuer.token(`reader-${Math.random()}`, ["chat:read"]);
    const sent = { "content-type": "application/json", authorization: `Bearer ${token}`, ...headers };
    const one = () => call({ to: mesh.at.edge, path: "/api/v1/chat/ListMessages", headers: sent, body: "{}" });
    answers.push(...(await Promise.all(Array.from({ length: Math.min(40, times - answers.length) }, one))));
  }
  return answers;
}

const upstreams = (answers: Answer[]) => new Set(answers.map((answer) => answer.json().upstream));
const isFirst = (name: string | undefined) => name === "chat" || name === "chat-2";

/** Within 4.5 standard deviations of the binomial distribution: an honest share fails once in 150,000 runs. */
function assertShare(found: number, of: number, share: number): void {
  const deviation = Math.sqrt(of * share * (1 - share));
  const [least, most] = [of * share - 4.5 * deviation, of * share + 4.5 * deviation];
  assert.ok(found >= least && found <= most, `${found} of ${of}: outside ${least.toFixed(1)} to ${most.toFixed(1)}`);
}

describe("a traffic shift of docs/shifts/", () => {
  test("canary: one call of ten goes to the second version", async (t) => {
    await shifted("canary/policy.diff", async () => {
      const answers = await read(600);
      assert.ok(answers.every(({ status }) => status === 200));
      const second = answers.filter((answer) => answer.json().upstream === "chat-v2").length;
      t.diagnostic(`${second} of ${answers.length} by v2`);
      assertShare(second, answers.length, 0.1);
    });
  });

  test("weighted: three versions share the calls 100 to 100 to 80", async (t) => {
    await shifted("weighted/policy.diff", async () => {
      const answers = await read(840);
      assert.ok(answers.every(({ status }) => status === 200));
      const found = ["chat", "chat-2", "chat-v2", "chat-v3"].map(
        (name) => answers.filter((answer) => answer.json().upstream === name).length,
      );
      t.diagnostic(found.join());
      const [one, other, second, third] = found as [number, number, number, number];
      assertShare(one + other, answers.length, 100 / 280);
      assertShare(second, answers.length, 100 / 280);
      assertShare(third, answers.length, 80 / 280);
    });
  });

  test("header-ab: clients that say they are beta get the second version, all others the first", async () => {
    await shifted("header-ab/policy.diff", async () => {
      assert.deepEqual(upstreams(await read(40, { "x-game-client": "beta-7" })), new Set(["chat-v2"]));
      for (const headers of [{}, { "x-game-client": "stable-7" }])
        assert.deepEqual(upstreams(await read(40, headers)), new Set(["chat", "chat-2"]));
    });
  });

  test("blue-green: everyone moves to the second version at once, and back", async () => {
    await shifted("blue-green/policy.diff", async () => {
      assert.deepEqual(upstreams(await read(40)), new Set(["chat", "chat-2"]));
      await shifted("blue-green/switch.diff", async () => {
        assert.deepEqual(upstreams(await read(40)), new Set(["chat-v2"]));
      });
      assert.deepEqual(upstreams(await read(40)), new Set(["chat", "chat-2"]));
    });
  });

  test("mirror: the second version sees every read, and answers none", async () => {
    await shifted("mirror/policy.diff", async () => {
      const mirrored = mesh.echo("chat-v2").received;
      const before = mirrored.length;
      assert.ok((await read(100)).every((answer) => isFirst(answer.json().upstream)));
      await until("all copies have come", async () => mirrored.length - before >= 100);
      assert.equal(mirrored.length - before, 100);
    });
  });

  test("fault: a fifth of the reads fails, half of them waits", async (t) => {
    await shifted("fault/policy.diff", async () => {
      const delaysBefore = await mesh.counter("fault.delays_injected");
      const started = performance.now();
      const answers = await read(400);
      assert.ok(performance.now() - started > 300, "who waits, waits");
      const failed = answers.filter(({ status }) => status === 503);
      const delayed = (await mesh.counter("fault.delays_injected")) - delaysBefore;
      t.diagnostic(`${failed.length} failed and ${delayed} waited of ${answers.length}`);
      assertShare(failed.length, answers.length, 0.2);
      assertShare(delayed, answers.length, 0.5);
      assert.ok(failed.every((answer) => answer.json().code === "unavailable"));
    });
  });

  test("without one, another version is a replica like the others", async () => {
    assert.deepEqual(upstreams(await read(60)), new Set(["chat", "chat-2", "chat-v2", "chat-v3"]));
  });
});
