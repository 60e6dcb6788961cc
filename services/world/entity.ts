import type { Walker } from "./movement.ts";

/** A player or an NPC in a zone. */
export interface Entity extends Walker {
  /** Small, unique in its zone while the entity is there. */
  readonly id: number;
  /** A user id, or an NPC's id. */
  readonly key: string;
  readonly name: string;
  /** Of an NPC. */
  readonly kind: string;
  readonly level: number;
  dead: boolean;
  /** Counts its lives, from 1. */
  life: number;
  /** Whether it is in the zone still. */
  present: boolean;
  /** Whether it stands in {@link Changes}. */
  moved: boolean;
  vitalsChanged: boolean;
}

/** What happened in a zone since the last tick. One and the same object is filled and emptied again and again. */
export interface Changes {
  readonly entered: Entity[];
  readonly left: Entity[];
  readonly moved: Entity[];
  readonly vitals: Entity[];
  /** Objects and events of the whole zone. */
  readonly objects: { readonly id: string; readonly open: boolean }[];
  readonly events: EventChange[];
}

export interface EventChange {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  /** Whole seconds. */
  readonly remainingS: number;
}

/** The entities of a zone, and what changed of them. */
export interface Entities {
  readonly changes: Changes;
  readonly count: number;
  add(
    who: { key: string; name: string; kind?: string; level?: number; life?: number; dead?: boolean },
    x: number,
    y: number,
    now: number,
  ): Entity;
  remove(entity: Entity): void;
  byKey(key: string): Entity | undefined;
  all(): Iterable<Entity>;
  /** Puts it somewhere, without asking whether it may go there. */
  put(entity: Entity, x: number, y: number): void;
  /** Notes that it moved by its own strength. */
  noteMove(entity: Entity): void;
  noteVitals(entity: Entity): void;
  /** Empties the changes. Ids of entities that left may be given again from now on. */
  clearChanges(): void;
}

export function createEntities(): Entities {
  const byKey = new Map<string, Entity>();
  const free: number[] = [];
  let next = 1;
  const changes: Changes = { entered: [], left: [], moved: [], vitals: [], objects: [], events: [] };

  function noteMove(entity: Entity): void {
    if (entity.moved) return;
    entity.moved = true;
    changes.moved.push(entity);
  }

  return {
    changes,
    get count() {
      return byKey.size;
    },
    add({ key, name, kind = "", level = 0, life = 1, dead = false }, x, y, now) {
      const id = free.pop() ?? next++;
      const entity: Entity = {
        ...{ id, key, name, kind, level, dead, life, x, y },
        ...{ stride: 0, strideAt: now, present: true, moved: false, vitalsChanged: false },
      };
      byKey.set(key, entity);
      changes.entered.push(entity);
      return entity;
    },
    remove(entity) {
      byKey.delete(entity.key);
      entity.present = false;
      changes.left.push(entity);
    },
    byKey: (key) => byKey.get(key),
    all: () => byKey.values(),
    put(entity, x, y) {
      entity.x = x;
      entity.y = y;
      noteMove(entity);
    },
    noteMove,
    noteVitals(entity) {
      if (entity.vitalsChanged) return;
      entity.vitalsChanged = true;
      changes.vitals.push(entity);
    },
    clearChanges() {
      for (const entity of changes.moved) entity.moved = false;
      for (const entity of changes.vitals) entity.vitalsChanged = false;
      for (const { id } of changes.left) free.push(id);
      for (const list of Object.values(changes)) list.length = 0;
    },
  };
}
