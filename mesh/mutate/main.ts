/**
 * `npm run mesh:mutate`: changes each number and rule of the policy in turn and tells which changes no case notices. Arguments choose files
 * by a piece of their name, or one line as `file:line`; `--every 5` takes each fifth mutant. Exits with 1 when fewer than 95 of 100 are caught.
 */
import { readArguments, wholeNumber } from "../../stack/arguments.ts";
import { loadCases } from "../cases/format.ts";
import { loadPolicy } from "../cases/policy.ts";
import { endOnSignals } from "../tools/background.ts";
import { policyDir } from "../tools/paths.ts";
import { readPolicy } from "../tools/watch-source.ts";
import { mutantsOf } from "./operators.ts";
import { runMutants, type Verdict } from "./run.ts";

const threshold = 0.95;

/** Whether `piece` is a part of the file's name, or ends with its end and the line: `edge.yaml:12`. */
const isAt = (piece: string, file: string, line: number) =>
  file.includes(piece) || `mesh/istio/${file}:${line}`.endsWith(piece);

const usage = `usage: npm run mesh:mutate -- [PIECE...] [--every N]      which changes of the policy no case notices

  PIECE       only files whose name holds it, or one line: edge.yaml:12
  --every N   each Nth change only (1)`;
const { values, positionals } = readArguments(usage, {
  options: { every: { type: "string", default: "1" } },
  allowPositionals: true,
});
const every = wholeNumber("every", values.every, 1);

endOnSignals();
try {
  const policy = readPolicy(policyDir);
  const mutants = [...policy]
    .flatMap(([file, text]) => mutantsOf(file, text))
    .filter(({ file, line }) => positionals.length === 0 || positionals.some((piece) => isAt(piece, file, line)))
    .filter((_, i) => i % every === 0);
  console.log(`${mutants.length} mutants`);
  const verdicts: Verdict[] = [];
  for await (const verdict of runMutants(policy, loadPolicy(), loadCases(), mutants)) {
    verdicts.push(verdict);
    const { mutant, fate, by } = verdict;
    console.log(
      `${verdicts.length} ${fate}: mesh/istio/${mutant.file}:${mutant.line}: ${mutant.what}${by && ` (${by})`}`,
    );
  }
  const of = (fate: Verdict["fate"]) => verdicts.filter((verdict) => verdict.fate === fate);
  for (const fate of ["equal", "survived"] as const)
    for (const { mutant } of of(fate)) console.log(`${fate}: mesh/istio/${mutant.file}:${mutant.line}: ${mutant.what}`);
  const different = verdicts.length - of("equal").length;
  const score = different === 0 ? 1 : 1 - of("survived").length / different;
  console.log(
    `${different - of("survived").length} of ${different} mutants caught: ${(score * 100).toFixed(1)} %; ${of("equal").length} more are equal to the policy in all that the Envoys get`,
  );
  if (score < threshold) process.exitCode = 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
