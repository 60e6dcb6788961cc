import { styleText } from "node:util";
import { at } from "./field.ts";
import { titleOf } from "./policy.ts";
import type { Line, Refusal } from "./verdict.ts";

const marks = { pass: "✔", refuse: "✘", info: " " } as const;

/** A row of a report: mark, what it is about, what is said of it, and where that stands. */
export const lineToRow = ({ mark, topic, says, at: position }: Line): string[] => [
  marks[mark],
  topic,
  says,
  position ? at(position) : "",
];

/** Rows as text whose columns stand under each other. A topic that the row above has too is not said again. */
export function layOut(rows: readonly string[][], separator = "  "): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index]!)))
      .join(separator)
      .trimEnd(),
  );
}

/** What the policy says of a call, line by line. */
export function drawLines(lines: readonly Line[]): string[] {
  const rows = lines.map(lineToRow);
  const shown = rows.map((row, index) => (rows[index - 1]?.[1] === row[1] ? [row[0]!, "", ...row.slice(2)] : row));
  return layOut(shown).map((line) => (line.startsWith(marks.refuse) ? paint("red", line) : line));
}

/** Who refuses, why, and what would let it pass. */
export function drawRefusal(refusal: Refusal): string[] {
  const rows = [
    ["refused by", `${titleOf(refusal.object)}, ${at(refusal.at)}`],
    ["because", refusal.why],
    ["to pass", refusal.remedy],
  ];
  return layOut(rows);
}

/** A headline: good, bad, or neither. */
export const headline = (text: string, mood: "good" | "bad" | "plain"): string =>
  mood === "plain" ? paint("bold", text) : paint(["bold", mood === "good" ? "green" : "red"], text);

/** Colour where a person looks, none in a file or a pipe. */
function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stdout });
}
