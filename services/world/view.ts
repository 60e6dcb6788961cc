import { create } from "@bufbuild/protobuf";
import { ObjectKind, type Zone, ZoneSchema, type ZoneSummary, ZoneSummarySchema } from "#gen/game/world/v1/zone_pb.ts";
import type { ZoneMap } from "./zone-map.ts";

const kinds = { door: ObjectKind.DOOR, chest: ObjectKind.CHEST };

export function toSummary({ id, name, width, height }: ZoneMap): ZoneSummary {
  return create(ZoneSummarySchema, { zoneId: id, name, width, height });
}

/** A map as clients are told of it: without what only the world's own rules need. */
export function toZone(map: ZoneMap): Zone {
  const { id, name, width, height, obstacles, spawnPoints } = map;
  return create(ZoneSchema, {
    ...{ zoneId: id, name, width, height, obstacles, spawnPoints },
    portals: map.portals.map((portal) => ({
      portalId: portal.id,
      position: portal.at,
      radius: portal.radius,
      toZoneId: portal.toZone,
    })),
    objects: map.objects.map((object) => ({ objectId: object.id, kind: kinds[object.kind], area: object.area })),
    npcKinds: map.npcs.map(({ kind, name, level }) => ({ npcKind: kind, name, level })),
  });
}
