import { type Audience, createAudience } from "./audience.ts";
import * as metrics from "./metrics.ts";
import { startRecording } from "./recording.ts";
import { apply, type Command, type Outcome } from "./rules/apply.ts";
import type { Catalog } from "./rules/catalog.ts";
import type { Effect } from "./rules/effect.ts";
import type { Obstacle } from "./rules/geometry.ts";
import { createZone, type Zone } from "./rules/zone.ts";

/** A zone of the rules, alive: it has a clock, an audience, and others who hear of its effects. */
export interface Arena {
  readonly zoneId: string;
  /** For reading. It changes by {@link Arena.carryOut} alone. */
  readonly zone: Zone;
  readonly audience: Audience;
  /** Which life of each combatant this is, as the world counts them. */
  readonly lives: Map<string, number>;
  /** Whether the world says who is where. While it doesn't, time stands still here and nobody fights. */
  readonly here: boolean;
  setHere(here: boolean): void;
  /** Applies a command now. `firstId`: the number of its first effect. */
  carryOut(command: Command): Outcome & { firstId: number };
  /** Lets happen what is due. */
  wait(): void;
}

export interface ArenaOptions {
  zoneId: string;
  catalog: Catalog;
  obstacles: readonly Obstacle[];
  pvp: boolean;
  seed: number;
  /** Is told of all effects. */
  heard: (effects: readonly Effect[]) => void;
  /** Takes the lines of the zone's log. */
  record?: ((line: string) => void) | undefined;
  /** Milliseconds, of a clock that does not go back. */
  clock?: () => number;
}

/** Nobody dies of what fell due while this process stood still. */
const longestStepMs = 1_000;

export function createArena(options: ArenaOptions): Arena {
  const { zoneId, catalog, obstacles, pvp, seed, heard, record, clock = () => performance.now() } = options;
  const zone = createZone({ catalog, obstacles, pvp }, seed);
  const audience = createAudience(zone);
  const recording = record && startRecording({ zone: zoneId, seed, pvp, obstacles }, record);
  const lives = new Map<string, number>();
  let nextId = 1;
  /** The zone's own time: what has passed while the world was here, and this process awake. */
  let passed = 0;
  let seenAt: number | undefined;

  function now(): number {
    if (seenAt !== undefined) {
      const at = clock();
      passed += Math.min(at - seenAt, longestStepMs);
      seenAt = at;
    }
    return Math.floor(passed);
  }

  const arena: Arena = {
    zoneId,
    zone,
    audience,
    lives,
    get here() {
      return seenAt !== undefined;
    },
    setHere(here) {
      now();
      if (!here) seenAt = undefined;
      else seenAt ??= clock();
    },
    carryOut(command) {
      const outcome = apply(zone, command, now());
      recording?.note(command, zone.now, outcome, zone);
      const firstId = nextId;
      const { effects } = outcome;
      if (effects.length > 0) {
        nextId += effects.length;
        audience.tell(effects, firstId);
        for (const { kind } of effects) metrics.effects.add(1, { kind });
        heard(effects);
      }
      return { ...outcome, firstId };
    },
    wait() {
      if (seenAt !== undefined) arena.carryOut({ type: "wait" });
    },
  };
  return arena;
}
