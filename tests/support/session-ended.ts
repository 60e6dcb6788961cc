import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "#gen/game/event/v1/event_pb.ts";
import { parseEvent, toOutgoing } from "#kit/events.ts";

/** What auth tells of a session that has ended, whose last access token expires in `inMs`. */
export function sessionEnded(userId: string, sessionId: string, inMs: number): Event {
  const expireTime = timestampFromDate(new Date(Date.now() + inMs));
  const data = { case: "sessionEnded", value: { sessionId, expireTime } } as const;
  return parseEvent(toOutgoing("game-events", "auth", userId, data).payload);
}
