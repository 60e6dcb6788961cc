import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { createEntities, type Entities, type Entity, type EventChange } from "./entity.ts";
import { type StepOutcome, takeStep } from "./movement.ts";
import { createNpcs } from "./npc.ts";
import { createObjects, type InteractRefusal, type Objects, type Thing } from "./objects.ts";
import { type Pace, stepPace, takePermit } from "./pace.ts";
import { createWalls } from "./walls.ts";
import { createWorldEvents } from "./world-events.ts";
import type { Point, PortalRule, ZoneMap } from "./zone-map.ts";

/** Milliseconds of a tick: 20 Hz. */
export const tickMs = 50;

/** A player in a zone, and what their client has asked for. */
export interface Player {
  readonly entity: Entity;
  readonly userId: string;
  /** The last number that was processed. */
  ackedSeq: number;
  readonly pace: Pace;
}

export type StepResult = StepOutcome | "dead" | "seq_replayed" | "moves_flooded";
export type ActionRefusal = InteractRefusal | "dead" | "seq_replayed" | "moves_flooded" | "portal_unknown";

/** Where a player was, when they were last seen. */
export interface Whereabouts extends Point {
  life: number;
  dead: boolean;
}

/**
 * One zone: what is in it and the rules of what may happen, without I/O and without a clock. Times are milliseconds of the epoch.
 * What happens between two ticks takes effect at once and is told at the tick, by `entities.changes`.
 */
export interface Zone {
  readonly map: ZoneMap;
  readonly entities: Entities;
  readonly objects: Objects;
  readonly tick: number;
  /** @param at where they were; a spawn point without it, or when that place is a wall by now. */
  enter(userId: string, name: string, at: Whereabouts | undefined, now: number): Player;
  leave(player: Player): void;
  /** Takes a step if the rules allow it, or leaves the player where they are. */
  step(player: Player, seq: number, x: number, y: number, now: number): StepResult;
  interact(player: Player, seq: number, objectId: string, now: number): Thing | ActionRefusal;
  /** The portal of that id, if the player stands in it. */
  portal(player: Player, seq: number, portalId: string, now: number): PortalRule | ActionRefusal;
  /** Ends the life of that number; an older one has ended already. */
  kill(entity: Entity, life: number, now: number): void;
  /** Begins a player's next life after the one of that number. */
  revive(entity: Entity, life: number, respawn: boolean, now: number): void;
  activeEvents(now: number): EventChange[];
  /** One tick of the world's own life. */
  advance(now: number): void;
}

/** @param seed decides what is left to chance. */
export function createZone(map: ZoneMap, seed: number, now: number): Zone {
  const entities = createEntities();
  const { changes } = entities;
  const walls = createWalls(map.width, map.height, map.cellSize, [
    ...map.obstacles,
    ...map.objects.map(({ area }) => area),
  ]);
  const occupied = (area: ZoneMap["objects"][number]["area"]) => {
    for (const { x, y } of entities.all())
      if (x >= area.minX && x <= area.maxX && y >= area.minY && y <= area.maxY) return true;
    return false;
  };
  const objects = createObjects(map.objects, walls, map.obstacles.length, occupied, ({ id, open }) =>
    changes.objects.push({ id, open }),
  );
  const random = xoroshiro128plus(seed);
  const npcs = createNpcs({ zoneId: map.id, rules: map.npcs, entities, walls, random, tickMs, now });
  const events = createWorldEvents(map.events);
  let tick = 0;
  let spawned = 0;

  const spawnPoint = () => map.spawnPoints[spawned++ % map.spawnPoints.length]!;

  function mayStand({ x, y }: Point): boolean {
    return x >= 0 && y >= 0 && x <= map.width && y <= map.height && !walls.between(x, y, x, y);
  }

  /** Counts an action, and refuses those that are too many, repeated, or of the dead. */
  function admit(player: Player, seq: number, now: number) {
    if (!takePermit(player.pace, now)) return "moves_flooded";
    if (seq <= player.ackedSeq) return "seq_replayed";
    player.ackedSeq = seq;
    return player.entity.dead ? "dead" : undefined;
  }

  return {
    map,
    entities,
    objects,
    get tick() {
      return tick;
    },
    enter(userId, name, at, now) {
      const { x, y } = at && mayStand(at) ? at : spawnPoint();
      const entity = entities.add({ key: userId, name, life: at?.life ?? 1, dead: at?.dead ?? false }, x, y, now);
      return { entity, userId, ackedSeq: 0, pace: { permits: stepPace.burst, at: now } };
    },
    leave: ({ entity }) => entities.remove(entity),
    step(player, seq, x, y, now) {
      const refusal = admit(player, seq, now);
      if (refusal) return refusal;
      const { entity } = player;
      const outcome = takeStep(entity, x, y, now, map, walls);
      if (outcome === "taken") entities.noteMove(entity);
      return outcome;
    },
    interact(player, seq, objectId, now) {
      const refusal = admit(player, seq, now);
      if (refusal) return refusal;
      return objects.interact(objectId, player.entity.x, player.entity.y, now);
    },
    portal(player, seq, portalId, now) {
      const refusal = admit(player, seq, now);
      if (refusal) return refusal;
      const portal = map.portals.find(({ id }) => id === portalId);
      if (!portal) return "portal_unknown";
      const { x, y } = player.entity;
      return Math.hypot(x - portal.at.x, y - portal.at.y) <= portal.radius ? portal : "out_of_reach";
    },
    kill(entity, life, now) {
      if (entity.dead || entity.life !== life) return;
      entity.dead = true;
      entities.noteVitals(entity);
      npcs.noteDeath(entity, now);
    },
    revive(entity, life, respawn, now) {
      if (!entity.dead || entity.life !== life) return;
      entity.dead = false;
      entity.life++;
      entity.stride = 0;
      entity.strideAt = now;
      if (respawn) {
        const { x, y } = spawnPoint();
        entities.put(entity, x, y);
      }
      entities.noteVitals(entity);
    },
    activeEvents: (now) => events.active(now),
    advance(now) {
      tick++;
      objects.expire(now);
      for (const { rule, state } of events.advance(now)) {
        npcs.setMore(rule.more.kind, state.active ? rule.more.count : 0, now);
        changes.events.push(state);
      }
      npcs.think(tick, now);
    },
  };
}
