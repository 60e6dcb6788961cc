import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { frozenDir, policyDir } from "../../mesh/tools/paths.ts";
import { createCompiler } from "../../mesh/tools/watch-compiler.ts";
import { type PolicyText, readPolicy } from "../../mesh/tools/watch-source.ts";

const never = new AbortController().signal;

/** The compiled files below a folder: name -> text. */
async function filesIn(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".json")).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")])),
  );
}

test("what istiod and its Envoys make of edit after edit is what they make of the last one from nothing", async (t) => {
  const out = await mkdtemp(join(tmpdir(), "mesh-compiler-"));
  t.after(() => rm(out, { recursive: true, force: true }));
  await using kept = createCompiler();
  const original = readPolicy(policyDir);
  const edit = (policy: PolicyText, file: string, from: string, to: string) => {
    const text = policy.get(file) ?? "";
    assert.ok(text.includes(from), `${file} says ${from}`);
    return new Map(policy).set(file, text.replace(from, to));
  };
  /** Compiles, and gives the files in which it differs from the project's. */
  const compiled = async (policy: PolicyText) => {
    await kept.compile(policy, out, never);
    const [now, frozen] = [await filesIn(out), await filesIn(frozenDir)];
    assert.deepEqual(Object.keys(now), Object.keys(frozen));
    return Object.keys(now).filter((name) => now[name] !== frozen[name]);
  };

  assert.deepEqual(await compiled(original), []);
  let policy: PolicyText = edit(original, "traffic/virtual-service-chat.yaml", "timeout: 5s", "timeout: 6s");
  assert.deepEqual(await compiled(policy), ["edge/rds-http.8080.json", "edge/rds-https.8443.https.edge.game.json"]);
  policy = edit(policy, "security/authorization-policy-chat-callers.yaml", "/sa/edge", "/sa/nobody");
  assert.ok((await compiled(policy)).includes("chat-2/lds.json"), "the rules of two sidecars");
  policy = edit(policy, "traffic/destination-rule-world.yaml", "workload: world-2", "workload: world");
  assert.ok((await compiled(policy)).includes("edge/cds.json"), "the endpoints of a cluster that stays as it is");
  policy = new Map(policy);
  (policy as Map<string, string>).delete("limits/envoy-filter-edge-rate-limits.yaml");
  assert.ok((await compiled(policy)).includes("edge/lds.json"), "an object that is gone");

  const after = await filesIn(out);
  await using anew = createCompiler();
  await anew.compile(policy, out, never);
  assert.deepEqual(await filesIn(out), after);
  assert.deepEqual(await compiled(original), []);
});
