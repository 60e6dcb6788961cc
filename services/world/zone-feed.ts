import { fromBinary } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type WatchZoneResponse,
  WatchZoneResponseSchema,
  type ZoneFeedService,
} from "#gen/game/world/v1/zone_feed_service_pb.ts";
import { createOutlet } from "./outlet.ts";
import { requireZoneHeader, type WorldParts } from "./presence.ts";
import { refuse } from "./refusals.ts";

/** Answers for game.world.v1.ZoneFeedService. */
export function createZoneFeedService({ hosting, clock }: WorldParts): ServiceImpl<typeof ZoneFeedService> {
  return {
    async *watchZone({ zoneId }, context): AsyncGenerator<WatchZoneResponse> {
      requireZoneHeader(context.requestHeader, zoneId);
      const { feed } = (await hosting.require(zoneId)).host;
      const outlet = createOutlet();
      const close = () => {
        feed.unwatch(outlet);
        outlet.end();
      };
      context.signal.addEventListener("abort", close);
      feed.watch(outlet);
      if (context.signal.aborted) close();
      try {
        for (let message = await outlet.take(); message; message = await outlet.take())
          yield fromBinary(WatchZoneResponseSchema, message);
      } finally {
        context.signal.removeEventListener("abort", close);
        close();
      }
    },

    async setVitals({ zoneId, id, alive, respawn, life }, context) {
      requireZoneHeader(context.requestHeader, zoneId);
      const { zone } = (await hosting.require(zoneId)).host;
      const entity = zone.entities.byKey(id);
      if (!entity) throw refuse("entity_unknown", "nobody of that id is in the zone");
      if (alive) zone.revive(entity, life, respawn, clock());
      else zone.kill(entity, life, clock());
      return { vitals: { entityId: entity.id, dead: entity.dead, life: entity.life } };
    },
  };
}
