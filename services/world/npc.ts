import { uniformInt } from "pure-rand/distribution/uniformInt";
import type { JumpableRandomGenerator as RandomGenerator } from "pure-rand/types/JumpableRandomGenerator";
import type { Entities, Entity } from "./entity.ts";
import type { Walls } from "./walls.ts";
import type { NpcRule, Point } from "./zone-map.ts";

/** How far an NPC goes before it rests, in centimetres. */
const wanderReach = 800;
const restMs = [1_000, 6_000] as const;
/** NPCs think in turns: each at one of so many ticks. */
const turns = 4;

interface Npc {
  readonly entity: Entity;
  readonly rule: NpcRule;
  goal: Point | undefined;
  restsUntil: number;
  /** When its next life begins; 0 while it lives. */
  revivesAt: number;
}

/** The NPCs of a zone: they appear by their rules, wander, rest, die and come back. */
export interface Npcs {
  /** One tick: those whose turn it is go on. */
  think(tick: number, now: number): void;
  /** Lets more of a kind live here than the rules say, 0 for no more. The ones too many go. */
  setMore(kind: string, count: number, now: number): void;
  /** An NPC has died. */
  noteDeath(entity: Entity, now: number): void;
}

/** @param random decides everything that is left to chance: the same seed, the same lives. */
export function createNpcs(options: {
  zoneId: string;
  rules: readonly NpcRule[];
  entities: Entities;
  walls: Walls;
  random: RandomGenerator;
  tickMs: number;
  now: number;
}): Npcs {
  const { zoneId, rules, entities, walls, random, tickMs } = options;
  const npcs: Npc[] = [];
  const more = new Map<string, number>();
  let born = 0;

  function placeIn({ area: { minX, minY, maxX, maxY } }: NpcRule): Point {
    for (let attempt = 0; attempt < 20; attempt++) {
      const [x, y] = [uniformInt(random, minX, maxX), uniformInt(random, minY, maxY)];
      if (!walls.between(x, y, x, y)) return { x, y };
    }
    return { x: minX, y: minY };
  }

  function appear(rule: NpcRule, now: number): void {
    const { x, y } = placeIn(rule);
    const key = `${zoneId}.${rule.kind}.${++born}`;
    const entity = entities.add({ key, name: rule.name, kind: rule.kind, level: rule.level }, x, y, now);
    npcs.push({ entity, rule, goal: undefined, restsUntil: now + rest(), revivesAt: 0 });
  }

  function fill(now: number): void {
    for (const rule of rules) {
      const ofRule = npcs.filter((npc) => npc.rule === rule);
      const wanted = rule.count + (more.get(rule.kind) ?? 0);
      for (let i = ofRule.length; i < wanted; i++) appear(rule, now);
      for (const npc of ofRule.slice(wanted)) {
        npcs.splice(npcs.indexOf(npc), 1);
        entities.remove(npc.entity);
      }
    }
  }

  const rest = () => uniformInt(random, ...restMs);

  function revive(npc: Npc, now: number): void {
    const { entity } = npc;
    const { x, y } = placeIn(npc.rule);
    npc.revivesAt = 0;
    npc.goal = undefined;
    npc.restsUntil = now + rest();
    entity.dead = false;
    entity.life++;
    entities.put(entity, x, y);
    entities.noteVitals(entity);
  }

  function chooseGoal({ entity, rule: { area } }: Npc): Point {
    const choose = (from: number, to: number, at: number) =>
      uniformInt(random, Math.max(from, at - wanderReach), Math.min(to, at + wanderReach));
    return { x: choose(area.minX, area.maxX, entity.x), y: choose(area.minY, area.maxY, entity.y) };
  }

  function walk(npc: Npc, goal: Point, now: number): void {
    const { entity, rule } = npc;
    const [dx, dy] = [goal.x - entity.x, goal.y - entity.y];
    const distance = Math.hypot(dx, dy);
    const share = Math.min(1, (rule.speed * tickMs * turns) / 1_000 / distance);
    const [x, y] = [Math.round(entity.x + dx * share), Math.round(entity.y + dy * share)];
    const blocked = walls.between(entity.x, entity.y, x, y);
    if (!blocked && distance > 0) entities.put(entity, x, y);
    if (!blocked && share < 1) return;
    npc.goal = undefined;
    npc.restsUntil = now + rest();
  }

  function live(npc: Npc, now: number): void {
    if (npc.entity.dead) {
      if (now >= npc.revivesAt) revive(npc, now);
    } else if (npc.goal) walk(npc, npc.goal, now);
    else if (now >= npc.restsUntil) npc.goal = chooseGoal(npc);
  }

  fill(options.now);
  return {
    think(tick, now) {
      for (let i = tick % turns; i < npcs.length; i += turns) live(npcs[i]!, now);
    },
    setMore(kind, count, now) {
      if ((more.get(kind) ?? 0) === count) return;
      more.set(kind, count);
      fill(now);
    },
    noteDeath(entity, now) {
      const npc = npcs.find((one) => one.entity === entity);
      if (npc) npc.revivesAt = now + npc.rule.respawnMs;
    },
  };
}
