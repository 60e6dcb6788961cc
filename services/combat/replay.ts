/**
 * `npm run combat:replay`: plays a fight of a million casts and holds its digest against the one that was recorded.
 * `npm run combat:replay -- --casts 20000` a shorter one. `--record`: the rules have changed, write down both digests.
 * `npm run combat:replay -- zone.log` plays a log that the service has recorded again.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadCatalog } from "./catalog.ts";
import { replayLog } from "./recording.ts";
import { apply, type Outcome } from "./rules/apply.ts";
import { createDigest } from "./rules/digest.ts";
import { createZone } from "./rules/zone.ts";
import { createSparring, hall } from "./sparring.ts";

export interface Played {
  casts: number;
  /** Of those, how many were not refused. */
  begun: number;
  effects: number;
  digest: string;
}

/** Plays until so many casts were asked for. */
export function playSparring(casts: number, seed = 1): Played {
  const catalog = loadCatalog();
  const zone = createZone({ catalog, obstacles: hall, pvp: false }, seed);
  const sparring = createSparring(catalog, seed);
  const digest = createDigest();
  const played = { casts: 0, begun: 0, effects: 0 };
  let outcome: Outcome | undefined;
  while (played.casts < casts) {
    const { command, now } = sparring.next(outcome);
    outcome = apply(zone, command, now);
    digest.add(outcome);
    played.effects += outcome.effects.length;
    if (!outcome.cast) continue;
    played.casts++;
    if (outcome.cast.refused === undefined) played.begun++;
  }
  return { ...played, digest: digest.read(zone) };
}

const file = join(import.meta.dirname, "replay-digests.json");

/** By number of casts. A change of the rules or of their files changes them, and records them anew. */
export const recordedDigests: Record<string, string> = JSON.parse(readFileSync(file, "utf8"));

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { casts: { type: "string", default: "1000000" }, record: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  if (values.record) record();
  else process.exitCode = (positionals[0] ? replayFile(positionals[0]) : replaySparring(Number(values.casts))) ? 0 : 1;
}

function record(): void {
  const digests = [20_000, 1_000_000].map((casts) => [casts, playSparring(casts).digest]);
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(digests), undefined, 2)}\n`);
}

function replaySparring(casts: number): boolean {
  const start = performance.now();
  const { begun, effects, digest } = playSparring(casts);
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  const recorded = recordedDigests[casts];
  console.log(`${casts} casts, ${begun} begun, ${effects} effects, in ${seconds} s`);
  console.log(`digest    ${digest}\nrecorded  ${recorded ?? "none"}`);
  return recorded === undefined || recorded === digest;
}

function replayFile(file: string): boolean {
  const { commands, checked, differs } = replayLog(readFileSync(file, "utf8"), loadCatalog());
  console.log(`${commands} commands, compared in ${checked} places`);
  if (differs !== undefined) console.log(`differs from the record before line ${differs}`);
  return differs === undefined;
}
