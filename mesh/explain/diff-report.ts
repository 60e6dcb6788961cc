import type { CallChange, CaseChange, ObjectChange } from "./diff.ts";
import { headline, layOut } from "./report.ts";

/** Rows of one kind that are shown before the rest is only counted. */
const most = 40;
/** Characters of a cell; a list of texts can be long. */
const widest = 70;

const arrow = "->";
const short = (text: string) => (text.length > widest ? `${text.slice(0, widest - 1)}…` : text);

function section(title: string, rows: string[][]): string[] {
  if (rows.length === 0) return [];
  const more = rows.length > most ? [`... and ${rows.length - most} more`] : [];
  return [headline(title, "plain"), ...layOut(rows.slice(0, most)).map((row) => `  ${row}`), ...more, ""];
}

/** What was changed, value by value. */
export const drawObjects = (changes: readonly ObjectChange[]): string[] =>
  section(
    "policy",
    changes.map(({ object, key, before, after, at }) => [object, key, short(before), arrow, short(after), at]),
  );

/** What it means for calls. Many calls that change alike share a row. */
export const drawCalls = (changes: readonly CallChange[]): string[] =>
  section(
    "calls",
    changes.map(({ calls, topic, before, after, at }) => [
      short(several(calls)),
      topic,
      short(before),
      arrow,
      short(after),
      at,
    ]),
  );

function several(calls: readonly string[]): string {
  if (calls.length <= 3) return calls.join(", ");
  return `${calls.slice(0, 2).join(", ")} and ${calls.length - 2} more`;
}

/** Which cases get another answer. */
export function drawCases(changes: readonly CaseChange[], total: number): string[] {
  if (changes.length === 0) return [`cases: all ${total} get the answer that they got before`];
  const failing = changes.filter(({ fails }) => fails).length;
  const rows = changes.map(({ subject, before, after, fails }) => [
    fails ? "✘" : " ",
    short(subject.name),
    before,
    arrow,
    after,
    subject.at,
  ]);
  const count = failing > 0 ? `, ${failing} of them (✘) not the one that they expect` : "";
  return section(`cases: ${changes.length} of ${total} get another answer${count}`, rows).slice(0, -1);
}
