import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type ChatService,
  type SubscribeMessagesRequest,
  type SubscribeMessagesResponse,
  SubscribeMessagesResponseSchema,
} from "#gen/game/chat/v1/chat_service_pb.ts";
import { refuse as refuseAnyway, toConnectError } from "#kit/errors.ts";
import { callerOf } from "#kit/identity.ts";
import { hasMembers, storedChannel } from "./channel.ts";
import type { Listener } from "./listener.ts";
import type { Message } from "./message.ts";
import type { ChatParts } from "./parts.ts";
import { refuse } from "./refusals.ts";
import { toStreamed } from "./view.ts";

/** Answers for SubscribeMessages. */
export function createSubscribe(parts: ChatParts): ServiceImpl<typeof ChatService>["subscribeMessages"] {
  const { store, fanout, sessions } = parts;
  const heartbeatMs = 1_000 * parts.limits.heartbeatSeconds;

  async function requireMembership(userId: string, channels: string[]): Promise<void> {
    const closed = channels.filter(hasMembers);
    if (closed.length === 0) return;
    const memberships = await store.memberships(userId, closed);
    const foreign = closed.find((channel) => !memberships.has(channel));
    if (foreign) throw refuse("not_a_member", `you are no member of ${foreign}`);
  }

  return async function* subscribeMessages(request, context) {
    const { userId, sessionId } = callerOf(context.requestHeader);
    const wanted = wantedChannels(request, userId);
    const listener = await fanout.listen(userId, wanted);
    const session = { ended: false };
    const unwatch = sessions.watch(sessionId, () => {
      session.ended = true;
      listener.wake();
    });
    // A client that has gone while a message waits for it never lets this function go on: what ends with it can't wait in `finally`.
    const close = () => {
      unwatch();
      listener.wake();
      listener.close();
    };
    context.signal.addEventListener("abort", close);
    try {
      // After the listener began, so that whoever leaves meanwhile is noticed.
      await requireMembership(userId, [...wanted.map(({ channel }) => channel)]);
      if (await sessions.isEnded(sessionId).catch(() => false)) session.ended = true;
      yield subscribed(request, userId, listener);
      yield* follow(listener, userId, heartbeatMs, () => requireOpen(session, context));
    } finally {
      context.signal.removeEventListener("abort", close);
      close();
    }
  };
}

async function* follow(listener: Listener, userId: string, heartbeatMs: number, requireOpen: () => void) {
  for (;;) {
    requireOpen();
    const messages: Message[] | undefined = await listener.next(heartbeatMs);
    requireOpen();
    if (!messages) yield event({ case: "heartbeat", value: {} });
    for (const message of messages ?? []) {
      yield toStreamed(message, userId);
      requireOpen();
    }
  }
}

function requireOpen(session: { ended: boolean }, { signal }: HandlerContext): void {
  if (session.ended) throw refuseAnyway("session_ended", "the session has ended, log in again");
  if (signal.aborted) throw toConnectError(signal.reason);
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
