import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { workloads } from "../../mesh/local/topology.ts";
import { frozenDir, frozenFiles } from "../../mesh/tools/paths.ts";
import { brokenSeal } from "../../mesh/tools/seal.ts";

test("envoy/ is what the policy was last compiled to: neither was edited without the other", async () => {
  const broken = await brokenSeal();
  assert.equal(broken, undefined, `${broken}. Run npm run mesh:compile and commit envoy/ with the policy.`);
});

test("every workload has its folder, and no other is left", async () => {
  const folders = (await readdir(frozenDir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  assert.deepEqual(folders.map(({ name }) => name).sort(), workloads.map(({ name }) => name).sort());
});

test("the frozen files know no other network than the first, no path of a machine and no secret", async () => {
  for (const file of frozenFiles(frozenDir)) {
    const text = await readFile(join(frozenDir, file), "utf8");
    assert.doesNotMatch(text, /127\.[1-9]\d*\.\d+\.\d+/, file);
    assert.doesNotMatch(text, /"(\/tmp|\/home|\/root|\/work|\/etc)\//, file);
    assert.doesNotMatch(text, /PRIVATE KEY|inline_bytes/, file);
  }
});
