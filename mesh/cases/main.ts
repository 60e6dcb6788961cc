/** `npm run mesh:test`: runs the cases of tests/mesh/cases/, or those whose file or name contains one of the arguments. */
import { endOnSignals } from "../tools/background.ts";
import { loadCases } from "./format.ts";
import { startMesh } from "./mesh.ts";
import { loadPolicy } from "./policy.ts";
import { report } from "./report.ts";
import { judgeCases } from "./run.ts";

endOnSignals();
try {
  const wanted = process.argv.slice(2);
  const all = loadCases();
  const cases =
    wanted.length === 0 ? all : all.filter(({ at, name }) => wanted.some((word) => `${at} ${name}`.includes(word)));
  if (cases.length === 0) throw new Error(`no case is named ${wanted.join(" or ")}`);
  const started = performance.now();
  await using mesh = await startMesh();
  const ready = performance.now();
  const failures = await judgeCases(mesh, cases);
  const policy = loadPolicy();
  for (const failure of failures) console.error(report(policy, failure));
  const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(1);
  console.log(
    `${cases.length - failures.length} of ${cases.length} cases hold, in ${seconds(ready, performance.now())} s (the Envoys were ready after ${seconds(started, ready)} s)`,
  );
  if (failures.length > 0) process.exitCode = 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
