import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { workloads } from "../../mesh/local/topology.ts";
import { frozenDir, frozenFiles, policyDir } from "../../mesh/tools/paths.ts";
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

test("an Envoy on frozen files watches none of them: Linux gives a user 128 inotify instances", async () => {
  for (const file of frozenFiles(frozenDir)) {
    const text = await readFile(join(frozenDir, file), "utf8");
    assert.doesNotMatch(text, /path_config_source|watched_directory/, file);
  }
});

test("the tokens that the edge takes are the same in the policy's two places", async () => {
  const read = async (file: string) => parse(await readFile(join(policyDir, "security", file), "utf8")).spec;
  const [rule] = (await read("request-authentication-edge.yaml")).jwtRules;
  const [patch] = (await read("envoy-filter-edge-jwks-refresh.yaml")).configPatches;
  const provider = patch.patch.value.typed_config.providers["origins-0"];
  assert.deepEqual(
    {
      issuer: provider.issuer,
      audiences: provider.audiences,
      fromHeaders: provider.from_headers.map(rename({ name: "name", value_prefix: "prefix" })),
      forwardOriginalToken: provider.forward ?? false,
      outputClaimToHeaders: provider.claim_to_headers.map(rename({ header_name: "header", claim_name: "claim" })),
      jwksUri: provider.remote_jwks.http_uri.uri,
    },
    rule,
  );
});

/** The same object under Istio's names. */
const rename = (names: Record<string, string>) => (object: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [names[name] ?? name, value]));
