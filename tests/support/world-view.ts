import type { Entity, Update, WorldEvent } from "#gen/game/world/v1/update_pb.ts";
import type { WatchZoneResponse } from "#gen/game/world/v1/zone_feed_service_pb.ts";

/** What a client knows of a zone: updates applied one after another, as the contract says. */
export interface WorldView {
  readonly entities: ReadonlyMap<number, Entity>;
  /** Whether a thing is open. */
  readonly objects: ReadonlyMap<string, boolean>;
  readonly events: ReadonlyMap<string, WorldEvent>;
  tick: number;
  /** @throws Error when the update speaks of an entity that is not known: nothing may be left out. */
  apply(update: Update | WatchZoneResponse): void;
}

export function createWorldView(): WorldView {
  const entities = new Map<number, Entity>();
  const objects = new Map<string, boolean>();
  const events = new Map<string, WorldEvent>();
  const known = (id: number, what: string): Entity => {
    const entity = entities.get(id);
    if (!entity) throw new Error(`${what} of ${id}, which is not in sight`);
    return entity;
  };
  return {
    entities,
    objects,
    events,
    tick: 0,
    apply(update) {
      this.tick = update.tick;
      if (update.snapshot) for (const all of [entities, objects, events]) all.clear();
      for (const id of update.despawns) {
        known(id, "despawn");
        entities.delete(id);
      }
      for (const entity of update.spawns) entities.set(entity.entityId, { ...entity });
      for (let i = 0; i < update.moves.length; i += 3) {
        const entity = known(update.moves[i]!, "move");
        entity.x = update.moves[i + 1]!;
        entity.y = update.moves[i + 2]!;
      }
      for (const { entityId, dead, life } of update.vitals) Object.assign(known(entityId, "vitals"), { dead, life });
      for (const { objectId, open } of update.objects) objects.set(objectId, open);
      if ("worldEvents" in update)
        for (const event of update.worldEvents)
          if (event.active) events.set(event.eventId, event);
          else events.delete(event.eventId);
    },
  };
}
