import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "#gen/game/event/v1/event_pb.ts";
import type { Handler } from "#kit/inbox.ts";
import type { Sessions } from "./sessions.ts";

/** What this service makes of the events of auth, by type. */
export function createEventHandlers(sessions: Sessions): Record<string, Handler<Event>> {
  return {
    async session_ended({ data }) {
      if (data.case !== "sessionEnded" || !data.value.expireTime) throw new TypeError("session_ended without its data");
      await sessions.end(data.value.sessionId, timestampDate(data.value.expireTime));
    },
  };
}
