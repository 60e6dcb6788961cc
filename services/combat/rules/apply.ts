import { perMille } from "./arithmetic.ts";
import { endAura, layAura, tickAura } from "./auras.ts";
import { cast, endCast, type Wish } from "./cast.ts";
import type { CastOutcome, Effect } from "./effect.ts";
import { isWithin, type Obstacle } from "./geometry.ts";
import { heal, interrupt, rest, restLater, reviveLater, thinkAt } from "./harm.ts";
import { think, watchEveryMs } from "./think.ts";
import { type Due, takeDue } from "./timeline.ts";
import type { Combatant, Zone } from "./zone.ts";

/** All that can happen to a zone from outside. A log of these is the whole history of its fights. */
export type Command =
  /** Somebody is there, or lives again. `kind` absent: a player. `hp` absent: whole; 0: dead. */
  | { type: "enter"; id: string; kind?: string; x: number; y: number; hp?: number }
  | { type: "leave"; id: string }
  | { type: "move"; id: string; x: number; y: number }
  | ({ type: "cast"; id: string } & Wish)
  | { type: "aura"; id: string; aura: string; source: string }
  /** What blocks the sight from now on. */
  | { type: "obstacles"; obstacles: readonly Obstacle[] }
  /** Time passes. */
  | { type: "wait" };

/** What came of a command: what has happened since the one before, in order, and of a cast whether it was begun. */
export interface Outcome {
  effects: Effect[];
  cast?: CastOutcome;
}

/** Who casts may be pushed so far, and not walk. */
const steadyCm = 50;

/**
 * Lets everything happen that is due by `now` (milliseconds; time does not go back), each at its own time, then the command. So it
 * makes no difference how often somebody looks: only which commands came when.
 *
 * It is a function of zone, command and `now`, and of nothing else: no clock, no chance, no order of a hash. The zone given is the
 * zone that comes out: it is changed in place, because to copy it costs more than most commands. Who needs the one before takes
 * `copyZone` first.
 */
export function apply(zone: Zone, command: Command, now: number): Outcome {
  zone.effects = [];
  for (let due = takeDue(zone.timeline, now); due; due = takeDue(zone.timeline, now)) {
    zone.now = Math.max(zone.now, due.at);
    happen(zone, due);
  }
  zone.now = Math.max(zone.now, now);
  const outcome = carryOut(zone, command);
  return outcome ? { effects: zone.effects, cast: outcome } : { effects: zone.effects };
}

const happenings: Record<Due["kind"], (zone: Zone, one: Combatant, due: Due) => void> = {
  aura_tick: tickAura,
  aura_end: endAura,
  cast_end: endCast,
  rest: recover,
  think,
  revival: sayRevival,
};

function happen(zone: Zone, due: Due): void {
  const one = zone.combatants.get(due.combatant);
  // Nothing but the end of death happens to the dead.
  if (one && one.dead === (due.kind === "revival")) happenings[due.kind](zone, one, due);
}

function carryOut(zone: Zone, command: Command): CastOutcome | undefined {
  switch (command.type) {
    case "cast":
      return cast(zone, command.id, command);
    case "enter":
      enter(zone, command);
      break;
    case "leave":
      zone.combatants.delete(command.id);
      break;
    case "move":
      move(zone, command);
      break;
    case "aura":
      layAuraByHand(zone, command);
      break;
    case "obstacles":
      zone.obstacles = command.obstacles;
      break;
  }
  return undefined;
}

function enter(zone: Zone, { id, kind: kindId, x, y, hp }: Command & { type: "enter" }): void {
  const { player, npcs } = zone.catalog;
  const kind = kindId === undefined ? player : (npcs.get(kindId) ?? npcs.get("unknown")!);
  const before = zone.combatants.get(id);
  const health = Math.min(hp ?? kind.stats.maxHp, kind.stats.maxHp);
  const one: Combatant = {
    id,
    kind,
    isPlayer: kindId === undefined,
    x,
    y,
    hp: health,
    dead: health === 0,
    stats: kind.stats,
    auras: [],
    // What cools down does so beyond death and out of sight.
    readyAt: before?.readyAt ?? new Map(),
    casting: undefined,
    hatred: new Map(),
    foughtAt: zone.now - rest.afterMs,
    thinkSerial: 0,
    restSerial: 0,
    deathSerial: 0,
  };
  zone.combatants.delete(id);
  zone.combatants.set(id, one);
  if (one.dead) {
    reviveLater(zone, one);
    return;
  }
  if (before?.dead) zone.effects.push({ at: zone.now, kind: "respawn", source: id, target: id, hp: one.hp });
  if (health < kind.stats.maxHp) restLater(zone, one);
  if (kind.aggroCm > 0) thinkAt(zone, one, zone.now + watchEveryMs);
}

function move(zone: Zone, { id, x, y }: Command & { type: "move" }): void {
  const one = zone.combatants.get(id);
  if (!one) return;
  one.x = x;
  one.y = y;
  if (one.casting && !isWithin(one, one.casting.from, steadyCm)) interrupt(zone, one, "moved");
}

function layAuraByHand(zone: Zone, { id, aura, source }: Command & { type: "aura" }): void {
  const target = zone.combatants.get(id);
  const kind = zone.catalog.auras.get(aura);
  if (target && !target.dead && kind) layAura(zone, source, target, kind);
}

/** Says that it is time. The world is what brings somebody back to life, and where: then they enter anew. */
function sayRevival(zone: Zone, one: Combatant, { serial }: Due): void {
  if (one.deathSerial === serial) zone.effects.push({ at: zone.now, kind: "revival", source: one.id, target: one.id });
}

function recover(zone: Zone, one: Combatant, { serial }: Due): void {
  if (one.restSerial !== serial) return;
  one.restSerial = 0;
  if (one.hp === one.stats.maxHp) return;
  if (zone.now - one.foughtAt >= rest.afterMs) {
    const amount = Math.max(perMille(one.stats.maxHp, rest.share), 1);
    heal(zone, undefined, one, { by: "rest", amount, critical: false });
  }
  restLater(zone, one);
}
