import type { Event } from "#gen/game/event/v1/event_pb.ts";
import type { DeletedPlayers } from "#kit/deleted-players.ts";
import { endSession } from "#kit/ended-sessions.ts";
import { toOutgoing } from "#kit/events.ts";
import type { Handler } from "#kit/inbox.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
import type { Items } from "./items.ts";
import type { Stack } from "./store.ts";

/** This service, as it signs its events. */
const self = "inventory";

/** What the other services are told when a player owns more of an item. */
export function itemObtained(userId: string, stack: Stack, source: "purchase" | "trade"): OutgoingEvent {
  return toOutgoing("game-events", self, userId, { case: "itemObtained", value: { ...stack, source } });
}

/** What this service makes of the events of others, by type. */
export function createEventHandlers(
  items: Pick<Items, "pickUp">,
  deleted: Pick<DeletedPlayers, "add">,
): Record<string, Handler<Event>> {
  return {
    async item_obtained({ eventId, source: teller, userId, data }, client) {
      if (data.case !== "itemObtained") throw new TypeError("item_obtained without its data");
      const { itemId, quantity, source } = data.value;
      // Its own events come back to it: those items are in the bag already.
      if (teller === self) return;
      if (source !== "monster_drop" && source !== "quest_reward")
        throw new TypeError(`items of source ${source} come from ${self} alone`);
      if (!(quantity > 0)) throw new RangeError("item_obtained of nothing");
      await items.pickUp(`event/${eventId}`, userId, { itemId, quantity }, source, client);
    },
    async player_deleted({ userId }, client) {
      await deleted.add(userId, client);
    },
    session_ended: endSession,
  };
}
