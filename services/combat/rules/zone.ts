import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import type { AuraKind, Catalog, Kind, Skill, Stats } from "./catalog.ts";
import type { Effect } from "./effect.ts";
import type { Obstacle, Point } from "./geometry.ts";
import { createTimeline, type Timeline } from "./timeline.ts";

/** A buff or debuff that somebody has. */
export interface Aura {
  kind: AuraKind;
  source: string;
  stacks: number;
  until: number;
  /** Damage that it still takes on itself. */
  absorbs: number;
  serial: number;
}

/** A cast under way. */
export interface Casting {
  skill: Skill;
  target: string;
  point: Point;
  /** Where it was begun: who leaves the place breaks it off. */
  from: Point;
  serial: number;
}

/** A player or an NPC in a zone. */
export interface Combatant extends Point {
  id: string;
  kind: Kind;
  isPlayer: boolean;
  hp: number;
  dead: boolean;
  /** Those of its kind with what its auras add. */
  stats: Stats;
  auras: Aura[];
  /** When each skill can be cast again. */
  readyAt: Map<string, number>;
  casting: Casting | undefined;
  /** Of an NPC: whom it hates how much, by damage and healing. */
  hatred: Map<string, number>;
  /** When it last dealt or took damage. */
  foughtAt: number;
  /** Its next thought, its next rest: others on the timeline are void. 0: none. */
  thinkSerial: number;
  restSerial: number;
  /** Its death, while it is dead. */
  deathSerial: number;
}

/** What a zone is made of, and stays. */
export interface ZoneSetting {
  catalog: Catalog;
  /** What nobody sees through. */
  obstacles: readonly Obstacle[];
  /** Whether players may harm each other. */
  pvp: boolean;
}

/** The whole state of the fights in one zone. Plain data: it is what the commands so far, in their order, have made of it. */
export interface Zone extends ZoneSetting {
  random: RandomGenerator;
  now: number;
  serial: number;
  /** In the order in which they came. */
  combatants: Map<string, Combatant>;
  timeline: Timeline;
  /** Of the command under way. */
  effects: Effect[];
}

/** @param seed any 32-bit integer: with the same one, the same commands have the same effects. */
export function createZone(setting: ZoneSetting, seed: number): Zone {
  return {
    ...setting,
    random: xoroshiro128plus(seed),
    now: 0,
    serial: 0,
    combatants: new Map(),
    timeline: createTimeline(),
    effects: [],
  };
}

/** A zone that goes its own way from here on. */
export function copyZone(zone: Zone): Zone {
  const combatants = new Map<string, Combatant>();
  for (const [id, one] of zone.combatants)
    combatants.set(id, {
      ...one,
      auras: one.auras.map((aura) => ({ ...aura })),
      readyAt: new Map(one.readyAt),
      hatred: new Map(one.hatred),
    });
  const { heap, order } = zone.timeline;
  return { ...zone, random: zone.random.clone(), combatants, timeline: { heap: [...heap], order }, effects: [] };
}

/** Everything that may differ between two states of a zone, as text: what a digest is made of. */
export function describeZone({ now, random, serial, obstacles, timeline, combatants }: Zone): string {
  const described = [...combatants.values()].map((one) => ({
    ...one,
    kind: one.kind.id,
    auras: one.auras.map((aura) => ({ ...aura, kind: aura.kind.id })),
    readyAt: [...one.readyAt],
    casting: one.casting && { ...one.casting, skill: one.casting.skill.id },
    hatred: [...one.hatred],
  }));
  // The heap's own order is one of several that mean the same.
  const due = timeline.heap.toSorted((a, b) => a.order - b.order);
  return JSON.stringify([now, random.getState(), serial, obstacles, timeline.order, due, described]);
}

export const isEnemy = (zone: Zone, a: Combatant, b: Combatant): boolean =>
  a !== b && (a.isPlayer !== b.isPlayer || (a.isPlayer && zone.pvp));

export const isAlly = (a: Combatant, b: Combatant): boolean => a.isPlayer === b.isPlayer;

export const isStunned = ({ auras }: Combatant): boolean => auras.some(({ kind }) => kind.stuns);
