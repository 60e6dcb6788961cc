import type { Event } from "#gen/game/event/v1/event_pb.ts";
import { endSession } from "#kit/ended-sessions.ts";
import { toOutgoing } from "#kit/events.ts";
import type { Handler } from "#kit/inbox.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
import { kindOf } from "./channel.ts";
import { lengthOf } from "./message.ts";
import type { ChatParts } from "./parts.ts";

/** What the other services are told of a message that a player sends. The store fills in its id. */
export function chatMessageSent(userId: string, channel: string, text: string): OutgoingEvent {
  return toOutgoing("chat-events", "chat", userId, {
    case: "chatMessageSent",
    value: { channelKind: kindOf(channel), channel, length: lengthOf(text) },
  });
}

/** What this service makes of the events of others, by type. */
export function createEventHandlers({ parties }: Pick<ChatParts, "parties">): Record<string, Handler<Event>> {
  return {
    session_ended: endSession,
    async guild_member_joined({ userId, data }, client) {
      if (data.case !== "guildMemberJoined") throw new TypeError("guild_member_joined without its data");
      await parties.addMember(`guild/${data.value.guildId}`, userId, client);
    },
    async guild_member_left({ userId, data }, client) {
      if (data.case !== "guildMemberLeft") throw new TypeError("guild_member_left without its data");
      await parties.removeMember(`guild/${data.value.guildId}`, userId, client);
    },
  };
}
