import type { Event } from "#gen/game/event/v1/event_pb.ts";
import { endSession } from "#kit/ended-sessions.ts";
import type { Handler } from "#kit/inbox.ts";

/** What this service makes of the events of auth, by type. */
export const eventHandlers: Record<string, Handler<Event>> = { session_ended: endSession };
