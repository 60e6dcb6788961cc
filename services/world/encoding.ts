import type { ByteWriter } from "./byte-writer.ts";
import type { Changes, Entity, EventChange } from "./entity.ts";

/**
 * The lists that are sent every tick, written as protobuf by hand: they go out to many, so they are encoded once and put together
 * by concatenation, which protobuf allows for repeated fields. proto/game/world/v1 says what the numbers are; a test holds them to it.
 */

/** Where the lists stand in a message. */
export interface ListFields {
  despawns: number;
  spawns: number;
  moves: number;
  vitals: number;
  objects: number;
  worldEvents: number;
}

/** In Update. */
export const updateFields: ListFields = { despawns: 6, spawns: 7, moves: 8, vitals: 9, objects: 10, worldEvents: 11 };
/** In WatchZoneResponse, which has no events. */
export const feedFields: ListFields = { despawns: 3, spawns: 4, moves: 5, vitals: 6, objects: 7, worldEvents: 0 };

export function writeDespawns(to: ByteWriter, field: number, ids: readonly number[]): void {
  if (ids.length === 0) return;
  const at = to.begin(field);
  for (const id of ids) to.varint(id);
  to.end(at);
}

export function writeMoves(to: ByteWriter, field: number, entities: readonly Entity[]): void {
  if (entities.length === 0) return;
  const at = to.begin(field);
  for (const { id, x, y } of entities) {
    to.zigzag(id);
    to.zigzag(x);
    to.zigzag(y);
  }
  to.end(at);
}

export function writeSpawn(to: ByteWriter, field: number, entity: Entity): void {
  const at = to.begin(field);
  to.uint32(1, entity.id);
  to.string(entity.kind === "" ? 2 : 3, entity.key);
  to.string(4, entity.name);
  to.sint32(5, entity.x);
  to.sint32(6, entity.y);
  to.bool(7, entity.dead);
  to.string(8, entity.kind);
  to.uint32(9, entity.level);
  to.uint32(10, entity.life);
  to.end(at);
}

export function writeVitals(to: ByteWriter, field: number, { id, dead, life }: Entity): void {
  const at = to.begin(field);
  to.uint32(1, id);
  to.bool(2, dead);
  to.uint32(3, life);
  to.end(at);
}

export function writeObjects(to: ByteWriter, field: number, objects: readonly Changes["objects"][number][]): void {
  for (const { id, open } of objects) {
    const at = to.begin(field);
    to.string(1, id);
    to.bool(2, open);
    to.end(at);
  }
}

export function writeWorldEvents(to: ByteWriter, field: number, events: readonly EventChange[]): void {
  for (const { id, name, active, remainingS } of events) {
    const at = to.begin(field);
    to.string(1, id);
    to.string(2, name);
    to.bool(3, active);
    to.uint32(4, remainingS);
    to.end(at);
  }
}
