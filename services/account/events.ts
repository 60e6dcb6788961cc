import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "#gen/game/event/v1/event_pb.ts";
import type { DeletedPlayers } from "#kit/deleted-players.ts";
import { endSession } from "#kit/ended-sessions.ts";
import type { Handler } from "#kit/inbox.ts";
import type { GoldStore } from "./gold-store.ts";
import { newProfile } from "./profile.ts";
import type { ProfileStore } from "./store.ts";

/** What this service makes of the events of auth, by type. */
export function createEventHandlers(
  store: ProfileStore,
  wallets: Pick<GoldStore, "open">,
  deleted: Pick<DeletedPlayers, "add">,
): Record<string, Handler<Event>> {
  return {
    async player_registered({ userId, data }, client) {
      if (data.case !== "playerRegistered") throw new TypeError("player_registered without its data");
      await store.create(newProfile(userId, data.value.username), client);
      await wallets.open(userId, client);
    },
    async player_login({ userId, data, eventTime }, client) {
      if (data.case !== "playerLogin" || !eventTime) throw new TypeError("player_login without its data");
      await store.noteLogin(newProfile(userId, data.value.username), timestampDate(eventTime), client);
    },
    async player_deleted({ userId }, client) {
      await deleted.add(userId, client);
      await store.remove(userId, client);
    },
    session_ended: endSession,
  };
}
