import type { ServiceImpl } from "@connectrpc/connect";
import type { CorrectionReason } from "#gen/game/world/v1/update_pb.ts";
import type { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import { callerOf } from "#kit/identity.ts";
import { correctionOf } from "./host.ts";
import { createStreams } from "./play.ts";
import type { WorldParts } from "./presence.ts";
import { refuse } from "./refusals.ts";
import { toSummary, toZone } from "./view.ts";
import type { ActionRefusal } from "./zone.ts";

/** Answers for game.world.v1.WorldService. */
export function createWorldService({ hosting, presences }: WorldParts): ServiceImpl<typeof WorldService> {
  return {
    async listZones(_request, context) {
      const { userId } = callerOf(context.requestHeader);
      return { zones: [...hosting.maps.values()].map(toSummary), currentZoneId: await presences.zoneOf(userId) };
    },

    async getZone({ zoneId }) {
      const map = hosting.maps.get(zoneId);
      if (!map) throw refuse("zone_unknown", "there is no such zone");
      return { zone: toZone(map) };
    },

    ...createStreams(presences),

    async move({ zoneId, steps }, context) {
      const { host, session } = await presences.require(context.requestHeader, zoneId);
      let correction: CorrectionReason = 0;
      for (const { seq, x, y } of steps) correction = correctionOf(host.step(session, seq, x, y)) || correction;
      const { entity, ackedSeq } = session.player;
      return { ackedSeq, x: entity.x, y: entity.y, correction };
    },

    async interact({ zoneId, interaction }, context) {
      const { host, session } = await presences.require(context.requestHeader, zoneId);
      const { id, open } = allowed(host.interact(session, interaction!.seq, interaction!.objectId));
      return { object: { objectId: id, open } };
    },

    async usePortal({ zoneId, usePortal }, context) {
      const presence = await presences.require(context.requestHeader, zoneId);
      const portal = allowed(presence.host.portal(presence.session, usePortal!.seq, usePortal!.portalId));
      await presences.travel(presence, portal);
      return { zoneId: portal.toZone };
    },

    async leave({ zoneId }, context) {
      presences.leave(await presences.require(context.requestHeader, zoneId));
      return {};
    },
  };
}

const words: Record<ActionRefusal, string> = {
  dead: "the dead do nothing",
  seq_replayed: "this number was processed already",
  moves_flooded: "too many actions at once",
  object_unknown: "there is no such thing in this zone",
  object_busy: "it is in use",
  portal_unknown: "there is no such portal in this zone",
  out_of_reach: "it is too far away",
};

function allowed<T>(result: T | ActionRefusal): T {
  if (typeof result !== "string") return result as T;
  const reason = result as ActionRefusal;
  throw refuse(reason, words[reason]);
}
