import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCatalog } from "./catalog.ts";
import { replayLog, startRecording } from "./recording.ts";
import { playSparring, recordedDigests } from "./replay.ts";
import { apply, type Outcome } from "./rules/apply.ts";
import { createZone } from "./rules/zone.ts";
import { createSparring, hall } from "./sparring.ts";

test("a fight of 20,000 casts has the digest that was recorded, on any machine", () => {
  const { casts, begun, digest } = playSparring(20_000);
  assert.ok(begun > casts / 2, "most of them are cast");
  assert.equal(digest, recordedDigests[20_000], "the rules have changed: npm run combat:replay -- --record");
});

test("another seed, another fight", () => {
  assert.notEqual(playSparring(200, 2).digest, playSparring(200, 1).digest);
  assert.equal(playSparring(200, 2).digest, playSparring(200, 2).digest);
});

/** The log of a short fight, as the service writes it. */
function record(): string[] {
  const catalog = loadCatalog();
  const zone = createZone({ catalog, obstacles: hall, pvp: false }, 5);
  const sparring = createSparring(catalog, 5, 20);
  const lines: string[] = [];
  const recording = startRecording({ zone: "hall", seed: 5, pvp: false, obstacles: hall }, (line) => lines.push(line));
  let outcome: Outcome | undefined;
  for (let i = 0; i < 3_500; i++) {
    const { command, now } = sparring.next(outcome);
    outcome = apply(zone, command, now);
    recording.note(command, now, outcome, zone);
  }
  return lines;
}

test("a recorded log plays again to the same digests, also one that was cut off in the middle of a line", () => {
  const lines = record();
  assert.deepEqual(replayLog(lines.join("\n"), loadCatalog()), { commands: 3_500, checked: 3 });
  assert.equal(replayLog(lines.join("\n").slice(0, -5), loadCatalog()).commands, 3_499);
});

test("a log that was changed in one place differs from there on, and the place is told", () => {
  const lines = record();
  const index = lines.findIndex((line, i) => i > 1_500 && line.includes('"move"'));
  lines[index] = lines[index]!.replace(/"x":\d+/, '"x":1');
  const { differs } = replayLog(lines.join("\n"), loadCatalog());
  assert.ok(differs !== undefined && differs > index);
});

test("a log of other skills is refused", () => {
  const [first, ...rest] = record();
  const other = JSON.stringify({ ...JSON.parse(first!), catalog: "another" });
  assert.throws(() => replayLog([other, ...rest].join("\n"), loadCatalog()), /another skills.json/);
});
