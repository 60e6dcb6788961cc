/**
 * `npm run mesh:diff`: what the change of mesh/istio/ that is not committed yet means in terms of calls; `--base REV`: since another
 * commit. `--run` compiles it and proves with real Envoys which cases no longer hold. Ends with 1 when a case doesn't.
 */
import { join } from "node:path";
import { readArguments } from "../../stack/arguments.ts";
import { type Case, loadCases } from "../cases/format.ts";
import { startMesh } from "../cases/mesh.ts";
import { runCases } from "../cases/run.ts";
import { endOnSignals } from "../tools/background.ts";
import { compileMesh } from "../tools/compile.ts";
import { openWorkFolder } from "../tools/work-folder.ts";
import { changedCalls, changedCases, changedObjects } from "./diff.ts";
import { drawCalls, drawCases, drawObjects } from "./diff-report.ts";
import { loadPolicy } from "./policy.ts";

/** The cases that fail on real Envoys with the policy as it is saved now. `envoy/` is left as it is. */
async function failingCases(cases: Case[]): Promise<string[]> {
  await using folder = await openWorkFolder("mesh-diff");
  const envoy = join(folder.path, "envoy");
  await compileMesh(envoy);
  await using mesh = await startMesh(envoy);
  const failures = await runCases(mesh, cases);
  return failures.flatMap(({ failed, differences }) => [
    `  ${failed.name}  ${failed.at}`,
    ...differences.map((one) => `    ${one}`),
  ]);
}

const usage = `usage: npm run mesh:diff -- [options]      what the change of mesh/istio/ means in terms of calls

  --base REV   since this commit (HEAD)
  --run        proves with real Envoys which cases no longer hold`;
const { values } = readArguments(usage, {
  options: { base: { type: "string", default: "HEAD" }, run: { type: "boolean" } },
});
try {
  const [before, after] = [loadPolicy(values.base), loadPolicy()];
  const cases = loadCases();
  const objects = changedObjects(before, after);
  if (objects.length === 0) console.log(`mesh/istio/ says what it says in ${values.base}`);
  else {
    const changes = changedCases(before, after, cases);
    const calls = drawCalls(changedCalls(before, after));
    const none = ["calls: by the model no route, timeout, retry, limit or permission of a call differs", ""];
    const lines = [...drawObjects(objects), ...(calls.length > 0 ? calls : none), ...drawCases(changes, cases.length)];
    console.log(lines.join("\n"));
    if (changes.some(({ fails }) => fails)) process.exitCode = 1;
  }
  if (values.run) {
    endOnSignals();
    const failing = await failingCases(cases);
    const verdict = failing.length === 0 ? `all ${cases.length} cases hold` : "these cases do not hold:";
    console.log(["", `on real Envoys: ${verdict}`, ...failing].join("\n"));
    if (failing.length > 0) process.exitCode = 1;
  }
} catch (error) {
  const { stderr, message } = error as Error & { stderr?: string };
  console.error((stderr || message).trim());
  process.exitCode = 2;
}
