import type { Walls } from "./walls.ts";
import { distanceTo, type ObjectRule } from "./zone-map.ts";

/** A thing with state. */
export interface Thing {
  readonly id: string;
  readonly rule: ObjectRule;
  open: boolean;
  /** When it closes by itself; Infinity for never. */
  closesAt: number;
}

/** Centimetres from which a thing can be reached. */
export const reach = 250;

export type InteractRefusal = "object_unknown" | "out_of_reach" | "object_busy";

/** The things of a zone. */
export interface Objects {
  readonly all: readonly Thing[];
  /** Opens or closes a thing for somebody who stands at a place. @returns the thing, or why not. */
  interact(id: string, x: number, y: number, now: number): Thing | InteractRefusal;
  /** Closes what closes by itself. */
  expire(now: number): void;
  /** Makes a thing as it was when the zone was saved. */
  restore(id: string, open: boolean, now: number): void;
}

/**
 * @param firstWall the number of the first object's wall among all walls.
 * @param occupied whether somebody stands in an area: a door does not close on them.
 * @param changed is told of each change.
 */
export function createObjects(
  rules: readonly ObjectRule[],
  walls: Walls,
  firstWall: number,
  occupied: (area: ObjectRule["area"]) => boolean,
  changed: (thing: Thing) => void,
): Objects {
  const all: Thing[] = rules.map((rule) => ({ id: rule.id, rule, open: false, closesAt: Number.POSITIVE_INFINITY }));

  function set(thing: Thing, open: boolean, now: number): void {
    thing.open = open;
    const { kind, closesAfterMs } = thing.rule;
    if (kind === "door") walls.set(firstWall + all.indexOf(thing), !open);
    thing.closesAt = open && kind === "chest" ? now + closesAfterMs : Number.POSITIVE_INFINITY;
    changed(thing);
  }

  return {
    all,
    interact(id, x, y, now) {
      const thing = all.find((one) => one.id === id);
      if (!thing) return "object_unknown";
      if (distanceTo(thing.rule.area, x, y) > reach) return "out_of_reach";
      if (thing.open && (thing.rule.kind === "chest" || occupied(thing.rule.area))) return "object_busy";
      set(thing, !thing.open, now);
      return thing;
    },
    expire(now) {
      for (const thing of all) if (now >= thing.closesAt) set(thing, false, now);
    },
    restore(id, open, now) {
      const thing = all.find((one) => one.id === id);
      if (thing && thing.open !== open) set(thing, open, now);
    },
  };
}
