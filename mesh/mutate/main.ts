/**
 * `npm run mesh:mutate`: changes each number and rule of the policy in turn and tells which changes no case notices. Arguments choose files
 * by a piece of their name; `--every 5` takes each fifth mutant. Exits with 1 when fewer than 95 of 100 are caught.
 */
import { parseArgs } from "node:util";
import { loadCases } from "../cases/format.ts";
import { loadPolicy } from "../cases/policy.ts";
import { endOnSignals } from "../tools/background.ts";
import { policyDir } from "../tools/paths.ts";
import { readPolicy } from "../tools/watch-source.ts";
import { mutantsOf } from "./operators.ts";
import { runMutants, type Verdict } from "./run.ts";

const threshold = 0.95;

endOnSignals();
try {
  const { values, positionals } = parseArgs({
    options: { every: { type: "string", default: "1" } },
    allowPositionals: true,
  });
  const policy = readPolicy(policyDir);
  const mutants = [...policy]
    .filter(([file]) => positionals.length === 0 || positionals.some((piece) => file.includes(piece)))
    .flatMap(([file, text]) => mutantsOf(file, text))
    .filter((_, i) => i % Number(values.every) === 0);
  console.log(`${mutants.length} mutants`);
  const verdicts: Verdict[] = [];
  for await (const verdict of runMutants(policy, loadPolicy(), loadCases(), mutants)) {
    verdicts.push(verdict);
    const { mutant, fate, by } = verdict;
    console.log(
      `${verdicts.length} ${fate}: mesh/istio/${mutant.file}:${mutant.line}: ${mutant.what}${by && ` (${by})`}`,
    );
  }
  const survivors = verdicts.filter(({ fate }) => fate === "survived");
  const score = verdicts.length === 0 ? 1 : 1 - survivors.length / verdicts.length;
  for (const { mutant } of survivors) console.log(`survived: mesh/istio/${mutant.file}:${mutant.line}: ${mutant.what}`);
  console.log(
    `${verdicts.length - survivors.length} of ${verdicts.length} mutants caught: ${(score * 100).toFixed(1)} %`,
  );
  if (score < threshold) process.exitCode = 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
