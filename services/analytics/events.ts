import { endSession } from "#kit/ended-sessions.ts";
import { toOutgoing } from "#kit/events.ts";
import type { Handler } from "#kit/inbox.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
import type { EventStore, ReceivedEvent } from "./event-store.ts";
import { durationOf, type Saga } from "./saga.ts";

/** What the other services are told when a saga comes to another status. */
export function sagaStatusChanged(saga: Saga): OutgoingEvent {
  const { sagaId, type: sagaType, status, reason } = saga;
  return toOutgoing("saga-events", "analytics", saga.userId, {
    case: "sagaStatusChanged",
    value: { sagaId, sagaType, status, reason, durationS: durationOf(saga) },
  });
}

/** What this service makes of all events: it keeps them. */
export function createEventHandlers(store: Pick<EventStore, "add">): {
  handlers: Record<string, Handler<ReceivedEvent>>;
  otherwise: Handler<ReceivedEvent>;
} {
  return {
    handlers: {
      async session_ended(received, client) {
        await endSession(received.event, client);
        await store.add(received, client);
      },
    },
    otherwise: store.add,
  };
}
