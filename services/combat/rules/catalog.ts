/** What damage is made of. `physical` is met by armour, the others by resistances. */
export const schools = ["physical", "fire", "frost", "nature", "holy"] as const;
export type School = (typeof schools)[number];

/** What a combatant is. Everything is a whole number; shares are per mille. */
export interface Stats {
  maxHp: number;
  /** Added to what a skill does, by the skill's own share of it. */
  power: number;
  /** How many of a thousand hits are critical. */
  critical: number;
  /** Takes `armour / (armour + 1000)` off physical damage. */
  armour: number;
  /** Per mille taken off damage of the other schools. */
  resistances: Record<School, number>;
  /** Per mille added to what it deals, and to what it takes. */
  damageDealt: number;
  damageTaken: number;
}

/** `min` to `max`, and `power` per mille of the caster's power. */
export interface Amount {
  min: number;
  max: number;
  power: number;
}

export interface Skill {
  id: string;
  /** Players don't have the skills of NPCs, nor these theirs. */
  by: "player" | "npc";
  school: School;
  /** `point`: a place on the ground. */
  target: "enemy" | "ally" | "self" | "point";
  rangeCm: number;
  /** 0: at once. */
  castMs: number;
  cooldownMs: number;
  /** Everybody around the target: enemies, or `allies`. The nearest first. */
  area?: { radiusCm: number; maxTargets: number; allies: boolean };
  damage?: Amount;
  healing?: Amount;
  /** The aura that it lays on whom it reaches. */
  aura?: AuraKind;
  /** Ends the cast that its target is at. */
  interrupts: boolean;
}

/** A buff or a debuff. One combatant has each kind once, with up to `maxStacks` stacks; a new stack begins its time anew. */
export interface AuraKind {
  id: string;
  kind: "buff" | "debuff";
  school: School;
  durationMs: number;
  maxStacks: number;
  /** 0: it does nothing by itself. */
  tickMs: number;
  /** A stack and tick. */
  damagePerTick: number;
  healingPerTick: number;
  /** Damage that it takes on itself, a stack. */
  absorbs: number;
  /** Who has it does nothing. */
  stuns: boolean;
  /** Added to the stats, a stack. */
  modifiers: { [stat in "power" | "critical" | "armour" | "resistance" | "damageDealt" | "damageTaken"]: number };
}

export interface Drop {
  itemId: string;
  /** How many of a thousand deaths give it. */
  chance: number;
  min: number;
  max: number;
}

/** A kind of combatant: the player, or a kind of NPC. */
export interface Kind {
  id: string;
  stats: Stats;
  /** What an NPC fights with, the first that can be used. */
  skills: Skill[];
  /** An NPC attacks whom it sees as near as that, unprovoked. 0: nobody. */
  aggroCm: number;
  /** It lets off whom it is as far away from. */
  leashCm: number;
  drops: Drop[];
  /** A player lives again so long after a death; NPCs are the world's. */
  respawnMs: number;
}

/** Everything that fights, and what it fights with. */
export interface Catalog {
  skills: ReadonlyMap<string, Skill>;
  auras: ReadonlyMap<string, AuraKind>;
  player: Kind;
  /** By kind; `unknown` stands for one that isn't named. */
  npcs: ReadonlyMap<string, Kind>;
}
