/** The checker against real damage: the platform runs from a copy of the sources in which one thing is broken, and the run must say so. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { type Change, changedCopy } from "../../support/changed-copy.ts";
import { type Rule, rules } from "../books/check.ts";

const parts = ["envoy", "gen", "kit", "mesh", "proto", "services", "stack", "tests", "workflows", "package.json"];

/** What a run on the damaged platform finds, struck at the boundaries of that name. */
async function runOn(copy: string, only: string): Promise<{ code: number; broken: Rule[]; output: string }> {
  const options = { seed: 1, players: 6, purchases: 0, calm: 0, only };
  const given = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const args = ["tests/saga/chaos/main.ts", ...given];
  const { code, stdout } = await new Promise<{ code: number; stdout: string }>((resolve) => {
    const child = execFile(process.execPath, args, { cwd: copy, maxBuffer: 1e8 }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout: stdout + stderr }),
    );
  });
  const output = stripVTControlCharacters(stdout);
  const broken = (Object.keys(rules) as Rule[]).filter((rule) => output.includes(`✘ ${rules[rule]}`));
  return { code, broken, output };
}

const damages: { what: string; only: string; damage: Change; broken: Rule[] }[] = [
  {
    what: "an operation id that is ignored: gold given back twice when the first answer was lost",
    only: "purchase deduct_gold RefundGold after",
    damage: {
      file: "kit/operations.ts",
      from: "if (undone !== null || !request) return undone ?? false;",
      to: "if (!request) return false;",
    },
    broken: ["gold_conserved", "once", "whole"],
  },
  {
    what: "an undo that is left out: the gold of a failed purchase is gone",
    only: "purchase log_purchase StrikePurchase before",
    damage: {
      file: "workflows/purchase/workflow.ts",
      from: "deduct_gold: refundGold,",
      to: "deduct_gold: async () => false,",
    },
    broken: ["gold_conserved", "whole"],
  },
  {
    what: "a step registered late: a failed purchase stays in the log when its step was done and not answered",
    only: "purchase log_purchase LogPurchase after",
    damage: {
      file: "workflows/saga.ts",
      from: "const tried = undos.reverse();",
      to: 'const tried = undos.filter(({ step }) => step.status === "COMPLETED").reverse();',
    },
    broken: ["log"],
  },
];

for (const { what, only, damage, broken } of damages) {
  test(`the books show ${what}`, async (t) => {
    const found = await runOn(changedCopy(t, parts, [damage]), only);
    assert.equal(found.code, 1, found.output);
    for (const rule of broken) assert.ok(found.broken.includes(rule), `${rule}\n${found.output}`);
  });
}
