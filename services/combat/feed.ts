import type { Entity } from "#gen/game/world/v1/update_pb.ts";
import type { WatchZoneResponse } from "#gen/game/world/v1/zone_feed_service_pb.ts";
import { ObjectKind, type Rectangle, type Zone as ZoneMap } from "#gen/game/world/v1/zone_pb.ts";
import type { Arena } from "./arena.ts";
import type { Ledger } from "./ledger.ts";
import type { Obstacle } from "./rules/geometry.ts";
import type { Vitals } from "./vitals.ts";

/** Makes commands of what the world says about a zone. */
export interface Feed {
  /** Applies one message. The first one of a stream is a snapshot. */
  apply(message: WatchZoneResponse): void;
}

interface Known {
  id: string;
  kind: string | undefined;
}

export function createFeed(options: { arena: Arena; map: ZoneMap; ledger: Ledger; vitals: Vitals }): Feed {
  const { arena, map, ledger, vitals } = options;
  const { zone, lives } = arena;
  /** By the small numbers that the world gives to who is there. */
  const entities = new Map<number, Known>();
  const doors = new Map(
    map.objects
      .filter(({ kind }) => kind === ObjectKind.DOOR)
      .map((door) => [door.objectId, { area: toObstacle(door.area!), open: true }]),
  );
  const walls = map.obstacles.map(toObstacle);

  function spawn({ entityId, who, npcKind, x, y, dead, life }: Entity): void {
    if (!who.value) return;
    const known = { id: who.value, kind: who.case === "npcId" ? npcKind : undefined };
    entities.set(entityId, known);
    arena.carryOut({ type: "move", id: known.id, x, y });
    see(known, life, dead, { x, y });
  }

  /** Holds somebody's life against the world's. */
  function see(known: Known, life: number, dead: boolean, at: { x: number; y: number }): void {
    const here = zone.combatants.get(known.id);
    const sameLife = here !== undefined && lives.get(known.id) === life;
    if (sameLife && here.dead === dead) return;
    // It died here, and the world has not heard of it.
    if (sameLife && here.dead) vitals.tell({ id: known.id, isPlayer: here.isPlayer, alive: false, life });
    else enter(known, life, dead, at);
  }

  function enter({ id, kind }: Known, life: number, dead: boolean, { x, y }: { x: number; y: number }): void {
    const saved = ledger.find(id);
    const hp = dead ? 0 : saved?.life === life ? saved.hp : undefined;
    lives.set(id, life);
    arena.carryOut({
      type: "enter",
      id,
      x,
      y,
      ...(kind !== undefined && { kind }),
      ...(hp !== undefined && { hp }),
    });
    // An NPC that was never hurt is nothing to remember.
    if (kind === undefined || saved)
      ledger.put(id, { life, hp: zone.combatants.get(id)!.hp, lastSequence: saved?.lastSequence ?? 0 });
    if (hp === 0 && !dead) vitals.tell({ id, isPlayer: kind === undefined, alive: false, life });
  }

  function leave(id: string): void {
    // A player may come back; what comes in the place of an NPC is another one.
    if (zone.combatants.get(id)?.isPlayer === false) ledger.forget(id);
    arena.carryOut({ type: "leave", id });
    lives.delete(id);
  }

  /** Who was here and isn't named any more has gone. */
  function beginAnew(message: WatchZoneResponse): void {
    entities.clear();
    const named = new Set(message.spawns.map(({ who }) => who.value));
    for (const id of [...zone.combatants.keys()]) if (!named.has(id)) leave(id);
  }

  function moveAll(moves: readonly number[]): void {
    for (let i = 0; i + 2 < moves.length; i += 3) {
      const known = entities.get(moves[i]!);
      if (known) arena.carryOut({ type: "move", id: known.id, x: moves[i + 1]!, y: moves[i + 2]! });
    }
  }

  return {
    apply(message) {
      if (message.snapshot) beginAnew(message);
      for (const entityId of message.despawns) {
        const known = entities.get(entityId);
        entities.delete(entityId);
        if (known) leave(known.id);
      }
      for (const entity of message.spawns) spawn(entity);
      moveAll(message.moves);
      for (const { entityId, dead, life } of message.vitals) {
        const known = entities.get(entityId);
        const at = known && zone.combatants.get(known.id);
        if (at) see(known, life, dead, at);
      }
      if (message.objects.length === 0) return;
      for (const { objectId, open } of message.objects) {
        const door = doors.get(objectId);
        if (door) door.open = open;
      }
      const closed = [...doors.values()].filter((door) => !door.open).map(({ area }) => area);
      arena.carryOut({ type: "obstacles", obstacles: [...walls, ...closed] });
    },
  };
}

export const toObstacle = ({ minX, minY, maxX, maxY }: Rectangle): Obstacle => ({ minX, minY, maxX, maxY });
