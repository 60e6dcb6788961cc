import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, ConnectError } from "@connectrpc/connect";
import type { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import type {
  SetVitalsRequestSchema,
  WatchZoneResponse,
  ZoneFeedService,
} from "#gen/game/world/v1/zone_feed_service_pb.ts";
import type { Zone as ZoneMap } from "#gen/game/world/v1/zone_pb.ts";

/** The world, as this service speaks with it: always with the instance that owns the zone. */
export interface WorldLink {
  /** @throws ConnectError NOT_FOUND when there is no such zone. */
  getZone(zoneId: string): Promise<ZoneMap>;
  watchZone(zoneId: string, signal: AbortSignal): AsyncIterable<WatchZoneResponse>;
  setVitals(request: MessageInitShape<typeof SetVitalsRequestSchema> & { zoneId: string }): Promise<void>;
}

const instanceHeader = "x-world-instance";

export function createWorldLink(
  maps: Pick<Client<typeof WorldService>, "getZone">,
  feed: Client<typeof ZoneFeedService>,
): WorldLink {
  /** The owners that refusals have named, by zone. Without one the mesh chooses by the zone. */
  const owners = new Map<string, string>();

  const headersOf = (zoneId: string): Record<string, string> => {
    const owner = owners.get(zoneId);
    return { "x-zone-id": zoneId, ...(owner && { [instanceHeader]: owner }) };
  };

  /** A zone that is elsewhere is found by the next call. */
  function noteOwner(zoneId: string, thrown: unknown): void {
    const owner = ConnectError.from(thrown).metadata.get(instanceHeader);
    if (owner) owners.set(zoneId, owner);
    else owners.delete(zoneId);
  }

  async function call<T>(zoneId: string, make: (headers: Record<string, string>) => Promise<T>): Promise<T> {
    try {
      return await make(headersOf(zoneId));
    } catch (error) {
      noteOwner(zoneId, error);
      throw error;
    }
  }

  return {
    async getZone(zoneId) {
      const { zone } = await call(zoneId, (headers) => maps.getZone({ zoneId }, { headers }));
      if (!zone) throw new TypeError("a zone without a map");
      return zone;
    },
    async *watchZone(zoneId, signal) {
      try {
        yield* feed.watchZone({ zoneId }, { signal, timeoutMs: 0, headers: headersOf(zoneId) });
      } catch (error) {
        noteOwner(zoneId, error);
        throw error;
      }
    },
    async setVitals(request) {
      await call(request.zoneId, (headers) => feed.setVitals(request, { headers }));
    },
  };
}
