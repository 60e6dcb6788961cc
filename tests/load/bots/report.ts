import type { BotReport } from "./run.ts";
import { quantile } from "./tally.ts";

/** Times in the order in which a player cares for them. */
const order = [
  "another's step seen after",
  "own step answered after",
  "between two updates",
  "another's words heard after",
  "cast answered after",
  "say answered after",
  "join queue answered after",
  "get ready answered after",
  "match found after",
  "registering and logging in",
  "going on with a session",
];

/** The report for people: what a player felt, as Markdown. */
export function formatReport(report: BotReport): string {
  const { tally, refusedComing, wanted, players, seconds, ownDelayP50, ownDelayP99 } = report;
  const count = (what: string) => tally.counts.get(what) ?? 0;
  const rate = (what: string) => `${count(what)} (${(count(what) / seconds).toFixed(0)}/s)`;
  const lines = ["| what a player feels, ms | p50 | p99 | times |", "|---|---:|---:|---:|"];
  for (const what of order) {
    const times = tally.times.get(what) ?? [];
    if (times.length === 0) continue;
    lines.push(
      `| ${what} | ${quantile(times, 0.5).toFixed(0)} | ${quantile(times, 0.99).toFixed(0)} | ${times.length} |`,
    );
  }
  const corrections = [...tally.counts].filter(([what]) => what.startsWith("corrections: "));
  lines.push(
    "",
    `${players} of ${wanted} players for ${seconds.toFixed(0)} s: ${rate("steps")} steps, ${rate("updates")} updates, ${rate("words heard")} words heard,`,
    `${count("kills")} kills, ${count("matches started")} times in a match that started`,
    `put back by the world: ${corrections.map(([what, times]) => `${times} times ${what.slice(13)}`).join(", ") || "never"}; joined it again: ${count("joined again")}`,
    `this process was late by ${ownDelayP50.toFixed(0)} ms (p50) and ${ownDelayP99.toFixed(0)} ms (p99): what the bots themselves add`,
    "",
    tally.refusals.size + refusedComing.size > 0 ? "| refused | times |\n|---|---:|" : "nothing was refused",
    ...sorted(tally.refusals).map(([what, times]) => `| ${what} | ${times} |`),
    ...sorted(refusedComing).map(([what, times]) => `| while they came: ${what} | ${times} |`),
  );
  return lines.join("\n");
}

const sorted = (counts: ReadonlyMap<string, number>) => [...counts].sort((a, b) => b[1] - a[1]);
