import { toOutgoing } from "#kit/events.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
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
