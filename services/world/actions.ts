import type { PlayRequest } from "#gen/game/world/v1/world_service_pb.ts";
import { isAway } from "#kit/errors.ts";
import type { Presence, Presences } from "./presence.ts";
import { refuse } from "./refusals.ts";
import { noteRefusal } from "./session.ts";

/** Does what a player's stream asks for. What can be refused without ending the stream is told by an update. */
export async function act(presences: Presences, presence: Presence, { action }: PlayRequest): Promise<void> {
  const { host, session } = presence;
  switch (action.case) {
    case "moves":
      for (const { seq, x, y } of action.value.steps) if (!session.leaving) host.step(session, seq, x, y);
      return;
    case "interact":
      if (!session.leaving) host.interact(session, action.value.seq, action.value.objectId);
      return;
    case "usePortal": {
      if (session.leaving) return;
      const portal = host.portal(session, action.value.seq, action.value.portalId);
      if (typeof portal !== "string")
        await presences.travel(presence, portal).catch((error) => {
          if (!isAway(error)) throw error;
          noteRefusal(session, action.value.seq, "dependency_away");
        });
      return;
    }
    case "leave":
      return presences.leave(presence);
    default:
      throw refuse("join_expected", "a stream joins once, with its first message");
  }
}
