import type { Listener } from "./listener.ts";
import type { Effect } from "./rules/effect.ts";
import { isWithin } from "./rules/geometry.ts";
import type { Combatant, Zone } from "./rules/zone.ts";
import { toEffect } from "./view.ts";

/** Who listens to the fights of a zone. */
export interface Audience {
  readonly listeners: Set<Listener>;
  /** Tells each listener what happened to them, by them or near them. @param firstId the number of the first effect */
  tell(effects: readonly Effect[], firstId: number): void;
}

/** A little farther than the longest range. */
export const sightCm = 4_000;

/** The service's own business, which nobody is told of. */
const silent = new Set<Effect["kind"]>(["revival"]);

export function createAudience(zone: Zone): Audience {
  const listeners = new Set<Listener>();
  return {
    listeners,
    tell(effects, firstId) {
      if (listeners.size === 0) return;
      const told = effects.map((effect) => ({
        effect,
        source: zone.combatants.get(effect.source),
        target: zone.combatants.get(effect.target),
      }));
      // Each is made once, for all who hear of it.
      const messages: ReturnType<typeof toEffect>[] = [];
      for (const listener of listeners) {
        const own = zone.combatants.get(listener.userId);
        for (const [i, one] of told.entries())
          if (concerns(listener.userId, own, one)) {
            messages[i] ??= toEffect(one.effect, firstId + i);
            listener.offer(messages[i]);
          }
      }
    },
  };
}

interface Told {
  effect: Effect;
  source: Combatant | undefined;
  target: Combatant | undefined;
}

function concerns(userId: string, own: Combatant | undefined, { effect, source, target }: Told): boolean {
  if (silent.has(effect.kind)) return false;
  if (effect.source === userId || effect.target === userId) return true;
  if (!own) return false;
  return (!!target && isWithin(own, target, sightCm)) || (!!source && isWithin(own, source, sightCm));
}
