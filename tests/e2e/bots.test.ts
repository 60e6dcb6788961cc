import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReport } from "../load/bots/report.ts";
import { runBots } from "../load/bots/run.ts";
import { quantile } from "../load/bots/tally.ts";
import { startTestStack } from "../support/stack.ts";

test("a few who play like people do feel a world that answers", async (t) => {
  const only = ["postgres", "redis", "auth", "account", "chat", "world", "combat", "match", "edge"];
  const stack = await startTestStack(t, { only });
  const edge = `http://127.${stack.network}.0.1:8080`;
  const tell = (line: string) => t.diagnostic(line);
  const report = await runBots({ edge, players: 12, seconds: 25, tell, signal: AbortSignal.timeout(240_000) });
  const { tally } = report;
  for (const line of formatReport(report).split("\n")) tell(line);
  assert.equal(report.players, 12);
  const median = (what: string) => quantile(tally.times.get(what) ?? [], 0.5);
  assert.ok(median("another's step seen after") < 1_000, "what one sees of others is fresh");
  assert.ok(median("own step answered after") < 1_000, "one's own steps are answered");
  assert.ok((tally.counts.get("words heard") ?? 0) > 0);
  assert.ok((tally.counts.get("steps") ?? 0) > 12 * 25);
  // Honest players are hardly ever put back.
  assert.ok(
    (tally.counts.get("corrections: too fast") ?? 0) + (tally.counts.get("corrections: blocked") ?? 0) <=
      (tally.counts.get("steps") ?? 0) / 50,
  );
  // A fight may refuse a cast, for reasons of the game.
  const broken = [...tally.refusals.keys()].filter((what) =>
    /: (unavailable|dependency_away|internal|unknown|deadline_exceeded)$/.test(what),
  );
  assert.deepEqual(broken, []);
});
