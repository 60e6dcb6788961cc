import { createHash } from "node:crypto";
import type { Outcome } from "./apply.ts";
import { describeZone, type Zone } from "./zone.ts";

/** Boils a history down to a few characters: two that differ anywhere have different digests, however often somebody looked. */
export interface Digest {
  add(outcome: Outcome): void;
  /** Of everything so far, and the zone as it stands. */
  read(zone: Zone): string;
}

export function createDigest(): Digest {
  const hash = createHash("sha256");
  return {
    add({ effects, cast }) {
      for (const effect of effects) hash.update(JSON.stringify(effect));
      if (cast) hash.update(JSON.stringify(cast));
    },
    read(zone) {
      return hash.copy().update(describeZone(zone)).digest("hex");
    },
  };
}
