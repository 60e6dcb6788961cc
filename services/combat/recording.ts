import { catalogDigest } from "./catalog.ts";
import { apply, type Command, type Outcome } from "./rules/apply.ts";
import type { Catalog } from "./rules/catalog.ts";
import { createDigest } from "./rules/digest.ts";
import type { Obstacle } from "./rules/geometry.ts";
import { createZone, type Zone } from "./rules/zone.ts";

/** The first line of a log: what the zone was when it began. */
interface Beginning {
  zone: string;
  seed: number;
  pvp: boolean;
  obstacles: readonly Obstacle[];
  /** Of skills.json and combatants.json. */
  catalog: string;
}

/** Commands between two digests in a log. */
const digestEvery = 1_000;

/** Writes the history of a zone, line by line: its beginning, then `[now, command]`, and now and then the digest of all that came of them. */
export interface Recording {
  note(command: Command, now: number, outcome: Outcome, zone: Zone): void;
}

export function startRecording(beginning: Omit<Beginning, "catalog">, write: (line: string) => void): Recording {
  const digest = createDigest();
  let commands = 0;
  write(JSON.stringify({ ...beginning, catalog: catalogDigest() } satisfies Beginning));
  return {
    note(command, now, outcome, zone) {
      digest.add(outcome);
      if (command.type === "wait") return;
      write(JSON.stringify([now, command]));
      if (++commands % digestEvery === 0) write(JSON.stringify({ digest: digest.read(zone) }));
    },
  };
}

/**
 * Plays a log again.
 *
 * @returns the line of the first digest that the history of now does not have, if any.
 * @throws Error when it was recorded with other skills or combatants.
 */
export function replayLog(log: string, catalog: Catalog): { commands: number; checked: number; differs?: number } {
  const [first = "{}", ...lines] = log.split("\n");
  const beginning = JSON.parse(first) as Beginning;
  if (beginning.catalog !== catalogDigest())
    throw new Error("it was recorded with another skills.json or combatants.json");
  const zone = createZone({ catalog, obstacles: beginning.obstacles, pvp: beginning.pvp }, beginning.seed);
  const digest = createDigest();
  const played = { commands: 0, checked: 0 };
  for (const [index, line] of lines.entries()) {
    // The last line may have been cut off where the process ended.
    if (line === "" || (index === lines.length - 1 && !isWhole(line))) continue;
    const entry = JSON.parse(line) as [number, Command] | { digest: string };
    if (Array.isArray(entry)) {
      digest.add(apply(zone, entry[1], entry[0]));
      played.commands++;
    } else {
      if (entry.digest !== digest.read(zone)) return { ...played, differs: index + 2 };
      played.checked++;
    }
  }
  return played;
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
