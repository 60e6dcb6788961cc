import { styleText } from "node:util";
import { elapsed } from "../../../stack/elapsed.ts";
import { type Fault, rules } from "../books/check.ts";
import { type ChaosReport, settleDeadlineMs } from "./chaos.ts";

/** How many faults of one rule are printed in full. */
const shownFaults = 5;

/** What a person sees at the end of a run. */
export function drawReport(report: ChaosReport): string[] {
  const { facts, struck, hits, faults, seed, tookMs, settledMs, troubles } = report;
  const sagas = (type: string) => facts.sagas.filter((saga) => saga.type === type);
  const list = (counts: Map<string, number>) =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([name, n]) => `${n} ${name}`)
      .join(", ") || "none";
  const undone = facts.goldLines.filter(({ kind }) => kind === "refund").length;
  const gold = facts.wallets.reduce((sum, { balance }) => sum + balance, 0n);
  return [
    "",
    ...drawBoundaries(struck),
    "",
    ...drawHits(hits),
    "",
    `purchases   ${sagas("purchase").length}: ${list(count(sagas("purchase").map(({ outcome }) => outcome)))}`,
    `trades      ${sagas("trade").length}: ${list(count(sagas("trade").map(({ outcome }) => outcome)))}`,
    `undone      ${undone} deductions of gold given back`,
    `answers     ${list(troubles)}; each asked again until it was answered`,
    `ledgers     ${facts.goldLines.length} lines of gold (${gold} in ${facts.wallets.length} wallets), ${facts.itemLines.length} of items`,
    `at rest     ${(settledMs / 1_000).toFixed(1)} s after the last restart (at most ${settleDeadlineMs / 1_000} s)`,
    "",
    ...Object.entries(rules).flatMap(([rule, words]) =>
      verdict(
        words,
        faults.filter((fault) => fault.rule === rule),
      ),
    ),
    "",
    `seed ${seed}, ${elapsed(tookMs)}: ${faults.length === 0 ? styleText("green", "the books balance") : styleText("red", `${faults.length} faults`)}`,
  ];
}

const count = (names: string[]): Map<string, number> =>
  names.reduce((counts, name) => counts.set(name, (counts.get(name) ?? 0) + 1), new Map<string, number>());

function drawBoundaries(struck: Map<string, number>): string[] {
  const rows = new Map<string, Record<string, number>>();
  for (const [name, times] of struck) {
    const [saga, step, method, moment] = name.split(" ") as [string, string, string, string];
    const key = `${saga.padEnd(9)} ${step.padEnd(18)} ${method.padEnd(16)}`;
    rows.set(key, { ...rows.get(key), [moment]: times });
  }
  const cell = (times = 0) => (times > 0 ? String(times).padStart(7) : styleText("red", "      0"));
  return [
    `saga      step               call              before   after`,
    ...[...rows].map(([key, { before, after }]) => `${key} ${cell(before)} ${cell(after)}`),
  ];
}

function drawHits(hits: ChaosReport["hits"]): string[] {
  const cell = (times: number) => String(times || "").padStart(7);
  return [
    "victim                   kill   pause  cancel",
    ...[...hits].map(
      ([name, { kill, pause, cancel }]) => `${name.padEnd(21)} ${cell(kill)} ${cell(pause)} ${cell(cancel)}`,
    ),
  ];
}

function verdict(words: string, faults: Fault[]): string[] {
  if (faults.length === 0) return [`${styleText("green", "✔")} ${words}`];
  const more = faults.length > shownFaults ? [`    and ${faults.length - shownFaults} more`] : [];
  return [
    `${styleText("red", "✘")} ${words}`,
    ...faults.slice(0, shownFaults).map(({ message }) => `    ${message}`),
    ...more,
  ];
}
