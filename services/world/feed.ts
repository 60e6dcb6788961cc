import { envelop } from "#kit/envelope.ts";
import { ByteWriter } from "./byte-writer.ts";
import { feedFields, writeDespawns, writeMoves, writeObjects, writeSpawn, writeVitals } from "./encoding.ts";
import type { Outlet } from "./outlet.ts";
import type { Zone } from "./zone.ts";

const heartbeatMs = 1_000;

/** The whole zone, for the services that decide about what is in it. */
export interface ZoneFeed {
  readonly watchers: ReadonlySet<Outlet>;
  watch(outlet: Outlet): void;
  unwatch(outlet: Outlet): void;
  /** Tells all watchers what changed, in the same bytes. */
  tell(now: number): void;
}

export function createZoneFeed(zone: Zone): ZoneFeed {
  const { entities } = zone;
  const { changes } = entities;
  const bytes = new ByteWriter();
  const watchers = new Set<Outlet>();
  /** Who has missed something, or knows nothing yet. */
  const behind = new Set<Outlet>();
  const ids: number[] = [];
  let toldAt = 0;

  function writeNews(): void {
    bytes.clear();
    bytes.uint32(1, zone.tick);
    ids.length = 0;
    for (const { id } of changes.left) ids.push(id);
    writeDespawns(bytes, feedFields.despawns, ids);
    for (const entity of changes.entered) if (entity.present) writeSpawn(bytes, feedFields.spawns, entity);
    writeMoves(
      bytes,
      feedFields.moves,
      changes.moved.filter(({ present }) => present),
    );
    for (const entity of changes.vitals) if (entity.present) writeVitals(bytes, feedFields.vitals, entity);
    writeObjects(bytes, feedFields.objects, changes.objects);
  }

  function writeSnapshot(): void {
    bytes.clear();
    bytes.uint32(1, zone.tick);
    bytes.bool(2, true);
    for (const entity of entities.all()) writeSpawn(bytes, feedFields.spawns, entity);
    writeObjects(bytes, feedFields.objects, zone.objects.all);
  }

  return {
    watchers,
    watch(outlet) {
      watchers.add(outlet);
      behind.add(outlet);
    },
    unwatch(outlet) {
      watchers.delete(outlet);
      behind.delete(outlet);
    },
    tell(now) {
      if (watchers.size === 0) return;
      const { entered, left, moved, vitals, objects } = changes;
      const changed = entered.length + left.length + moved.length + vitals.length + objects.length > 0;
      const news = changed || now - toldAt >= heartbeatMs;
      if (news) toldAt = now;
      let [delta, snapshot]: [Buffer | undefined, Buffer | undefined] = [undefined, undefined];
      for (const outlet of watchers) {
        if (!outlet.ready) behind.add(outlet);
        else if (behind.delete(outlet)) {
          if (!snapshot) {
            writeSnapshot();
            snapshot = envelop(bytes.written);
          }
          outlet.push(snapshot);
        } else if (news) {
          if (!delta) {
            writeNews();
            delta = envelop(bytes.written);
          }
          outlet.push(delta);
        }
      }
    },
  };
}
