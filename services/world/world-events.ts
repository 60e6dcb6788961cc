import type { EventChange } from "./entity.ts";
import type { EventRule } from "./zone-map.ts";

/** How an event stands at a moment, milliseconds of the epoch. By the clock alone, so that every instance agrees. */
export function stateOf({ id, name, everyMs, lastsMs }: EventRule, now: number): EventChange {
  const into = now % everyMs;
  const active = into < lastsMs;
  return { id, name, active, remainingS: active ? Math.ceil((lastsMs - into) / 1_000) : 0 };
}

/** The timed events of a zone. */
export interface WorldEvents {
  /** Those that go on. */
  active(now: number): EventChange[];
  /** Those that have begun or ended since the last call. The first one tells of all that go on. */
  advance(now: number): { rule: EventRule; state: EventChange }[];
}

export function createWorldEvents(rules: readonly EventRule[]): WorldEvents {
  const going = new Set<EventRule>();
  return {
    active: (now) => rules.map((rule) => stateOf(rule, now)).filter(({ active }) => active),
    advance(now) {
      const changed = rules
        .map((rule) => ({ rule, state: stateOf(rule, now) }))
        .filter(({ rule, state }) => state.active !== going.has(rule));
      for (const { rule, state } of changed) {
        if (state.active) going.add(rule);
        else going.delete(rule);
      }
      return changed;
    },
  };
}
