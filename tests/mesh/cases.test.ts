import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCases } from "../../mesh/cases/format.ts";
import { startMesh } from "../../mesh/cases/mesh.ts";
import { covered, loadPolicy, objectOf } from "../../mesh/cases/policy.ts";
import { report } from "../../mesh/cases/report.ts";
import { judgeCases } from "../../mesh/cases/run.ts";

const cases = loadCases();
const policy = loadPolicy();

test("every case holds on real Envoys", async (t) => {
  await using mesh = await startMesh();
  const failures = await judgeCases(mesh, cases, (failure) => t.diagnostic(`again: ${report(policy, failure)}`));
  assert.equal(failures.length, 0, `\n${failures.map((failure) => report(policy, failure)).join("\n")}`);
});

test("there are cases enough to trust a change to: 150 at least", () => {
  assert.ok(cases.length >= 150, `${cases.length} cases`);
});

test("every policy object has a case", () => {
  const shown = new Set(cases.flatMap((each) => covered(policy, each)));
  assert.deepEqual(
    policy.filter((object) => !shown.has(object)).map(({ file }) => file),
    [],
  );
});

test("a case names only policy objects that are there", () => {
  for (const { at, about, steps } of cases)
    for (const name of [...about, ...steps.flatMap(({ expect }) => expect.refusedBy ?? [])])
      assert.ok(objectOf(policy, name), `${at}: no policy object is ${name}`);
});
