import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "#gen/game/event/v1/event_pb.ts";
import { toOutgoing } from "#kit/events.ts";
import type { Handler } from "#kit/inbox.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
import type { WorldStore } from "./store.ts";
import type { Point } from "./zone-map.ts";

/** Where a player is, now and then while they move. */
export function playerMoved(userId: string, zoneId: string, { x, y }: Point): OutgoingEvent {
  return toOutgoing("analytics-events", "world", userId, {
    case: "playerMoved",
    value: { zoneId, x: x / 100, y: y / 100 },
  });
}

export function zoneEntered(userId: string, zoneId: string, fromZoneId: string): OutgoingEvent {
  return toOutgoing("game-events", "world", userId, { case: "zoneEntered", value: { zoneId, fromZoneId } });
}

/** What this service makes of the events of others, by type. */
export function createEventHandlers({ endSession }: Pick<WorldStore, "endSession">): Record<string, Handler<Event>> {
  return {
    async session_ended({ data }, client) {
      if (data.case !== "sessionEnded" || !data.value.expireTime) throw new TypeError("session_ended without its data");
      await endSession(data.value.sessionId, timestampDate(data.value.expireTime), client);
    },
  };
}
