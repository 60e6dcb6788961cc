import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { call } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { workloads } from "../../mesh/local/topology.ts";
import { Refused } from "../../mesh/tools/freeze.ts";
import { frozenDir, frozenFiles } from "../../mesh/tools/paths.ts";
import { envoyDir } from "../../mesh/tools/render.ts";
import { layRunning } from "../../mesh/tools/watch-lay.ts";

let mesh: Mesh;
let compiled: string;
before(async () => {
  mesh = await startMesh();
  compiled = await mkdtemp(join(tmpdir(), "mesh-lay-"));
  await cp(frozenDir, compiled, { recursive: true });
});
after(async () => {
  await mesh?.[Symbol.asyncDispose]();
  if (compiled) await rm(compiled, { recursive: true, force: true });
});

/** Everything that the Envoys of the mesh run on. */
const files = async () => {
  const dir = envoyDir(mesh.stateDir, ".");
  return new Map(
    await Promise.all(frozenFiles(dir).map(async (file) => [file, await readFile(join(dir, file), "utf8")] as const)),
  );
};

/** Replaces a text wherever it stands in a compiled file. */
async function edit(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(compiled, file), "utf8");
  assert.ok(text.includes(from), `${file} has ${from}`);
  await writeFile(join(compiled, file), text.replaceAll(from, to));
}

test("an edit that one Envoy refuses is taken back from all, also from that one", async () => {
  const first = await files();
  const timeout = ['"connect_timeout": "10s"', '"connect_timeout": "20s"'] as const;
  for (const { name } of workloads) await edit(join(name, "cds.json"), ...timeout);
  await edit("edge/lds.json", '"stat_prefix": "rate_limit"', '"stat_prefix": ""');

  await assert.rejects(layRunning({ ...mesh, compiled }), (error: Error) => {
    assert.ok(error instanceof Refused, error.message);
    assert.match(error.message, /^the Envoy of edge refuses it: 0\.0\.0\.0_8080 /);
    return true;
  });
  assert.deepEqual(await files(), first);
  for (const { name } of workloads) {
    const dump = (await mesh.admin(name, "/config_dump?resource=dynamic_active_clusters")) ?? "";
    assert.match(dump, /"connect_timeout": "10s"/, name);
    assert.doesNotMatch(dump, /"connect_timeout": "20s"/, `${name} has the clusters of before again`);
  }

  // and the next edit is taken
  await edit("edge/lds.json", '"stat_prefix": ""', '"stat_prefix": "rate_limit"');
  const laid = await layRunning({ ...mesh, compiled });
  assert.deepEqual(
    laid.workloads,
    workloads.map(({ name }) => name),
  );
  const answer = await call({ to: mesh.at.edge, path: "/healthz", method: "GET", from: mesh.clientAddress() });
  assert.equal(answer.status, 200);
});
