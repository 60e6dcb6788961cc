import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "#gen/game/event/v1/event_pb.ts";
import type { EndedSessions } from "#kit/ended-sessions.ts";
import type { Handler } from "#kit/inbox.ts";

/** What this service makes of the events of auth, by type. */
export function createEventHandlers(sessions: Pick<EndedSessions, "end">): Record<string, Handler<Event>> {
  return {
    async session_ended({ data }, client) {
      if (data.case !== "sessionEnded" || !data.value.expireTime) throw new TypeError("session_ended without its data");
      await sessions.end(data.value.sessionId, timestampDate(data.value.expireTime), client);
    },
  };
}
