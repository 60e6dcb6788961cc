import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type SubscribeMessagesRequest,
  type SubscribeMessagesResponse,
  SubscribeMessagesResponseSchema,
} from "#gen/game/chat/v1/chat_service_pb.ts";
import { refuse as refuseAnyway } from "#kit/errors.ts";
import { callerOf } from "#kit/identity.ts";
import { hasMembers, storedChannel } from "./channel.ts";
import type { Listener } from "./listener.ts";
import type { Message } from "./message.ts";
import type { ChatParts } from "./parts.ts";
import { refuse } from "./refusals.ts";

/** One call of SubscribeMessages, whatever way its events go. */
export interface Subscription {
  readonly userId: string;
  /** The first event: the subscriptions are in force. */
  readonly first: SubscribeMessagesResponse;
  /** The next messages; undefined after the silence that a heartbeat ends, an empty array when something else has happened. */
  next(): Promise<Message[] | undefined>;
  /** @throws ConnectError when the session has ended; before each event. */
  requireOpen(): void;
  close(): void;
}

/** Opens subscriptions. @throws ConnectError */
export type OpenSubscription = (header: Headers, request: SubscribeMessagesRequest) => Promise<Subscription>;

export function createSubscriptions(parts: ChatParts): OpenSubscription {
  const { store, fanout, sessions } = parts;
  const heartbeatMs = 1_000 * parts.limits.heartbeatSeconds;

  async function requireMembership(userId: string, channels: string[]): Promise<void> {
    const closed = channels.filter(hasMembers);
    if (closed.length === 0) return;
    const memberships = await store.memberships(userId, closed);
    const foreign = closed.find((channel) => !memberships.has(channel));
    if (foreign) throw refuse("not_a_member", `you are no member of ${foreign}`);
  }

  return async (header, request) => {
    const { userId, sessionId } = callerOf(header);
    const wanted = wantedChannels(request, userId);
    const listener = await fanout.listen(userId, wanted);
    let ended = false;
    const unwatch = sessions.watch(sessionId, () => {
      ended = true;
      listener.wake();
    });
    const close = () => {
      unwatch();
      listener.wake();
      listener.close();
    };
    try {
      // After the listener began, so that whoever leaves meanwhile is noticed.
      await requireMembership(userId, [...wanted.map(({ channel }) => channel)]);
      if (sessions.isEnded(sessionId)) ended = true;
    } catch (error) {
      close();
      throw error;
    }
    return {
      userId,
      first: subscribed(request, userId, listener),
      next: () => listener.next(heartbeatMs),
      requireOpen() {
        if (ended) throw refuseAnyway("session_ended", "the session has ended, log in again");
      },
      close,
    };
  };
}

function wantedChannels({ subscriptions }: SubscribeMessagesRequest, userId: string) {
  const wanted = subscriptions.map(({ channel, afterMessageId }) => ({
    channel: storedChannel(channel, userId),
    after: afterMessageId === undefined ? undefined : Number(afterMessageId),
  }));
  if (new Set(wanted.map(({ channel }) => channel)).size < wanted.length)
    throw refuse("subscribed_twice", "a channel is named twice");
  return wanted;
}

/** The channels under the names that the client gave them. */
function subscribed({ subscriptions }: SubscribeMessagesRequest, userId: string, { cursors }: Listener) {
  return event({
    case: "subscribed",
    value: {
      subscriptions: subscriptions.map(({ channel }) => ({
        channel,
        afterMessageId: BigInt(cursors.get(storedChannel(channel, userId)) ?? 0),
      })),
    },
  });
}

const event = (
  value: MessageInitShape<typeof SubscribeMessagesResponseSchema>["event"] & {},
): SubscribeMessagesResponse => create(SubscribeMessagesResponseSchema, { event: value });

/** Breaks a silence. */
export const heartbeat = event({ case: "heartbeat", value: {} });
