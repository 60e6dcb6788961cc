import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type SubscribeMessagesResponse, SubscribeMessagesResponseSchema } from "#gen/game/chat/v1/chat_service_pb.ts";
import { type ChatMessage, ChatMessageSchema } from "#gen/game/chat/v1/message_pb.ts";
import { envelop } from "#kit/envelope.ts";
import { channelNameFor, kindOf } from "./channel.ts";
import type { Message } from "./message.ts";

/** A message as `userId` reads it. */
export function toChatMessage(message: Message, userId: string): ChatMessage {
  const { channel, id, sender, createTime } = message;
  return create(ChatMessageSchema, {
    channel: channelNameFor(channel, userId),
    messageId: BigInt(id),
    createTime: timestampFromDate(createTime),
    content: contentOf(message),
    ...(sender && { sender }),
  });
}

function contentOf({ channel, text, partyInvite }: Message) {
  if (partyInvite)
    return {
      case: "partyInvite" as const,
      value: { ...partyInvite, expireTime: timestampFromDate(partyInvite.expireTime) },
    };
  if (channel === "system") return { case: "notification" as const, value: { text: text! } };
  if (kindOf(channel) === "inbox") return { case: "whisperStarted" as const, value: { text: text! } };
  return { case: "text" as const, value: text! };
}

const made = new WeakMap<Message, SubscribeMessagesResponse>();

/** A message as it goes down a stream. All listeners of a replica share one, unless they call the channel by another name. */
export function toStreamed(message: Message, userId: string): SubscribeMessagesResponse {
  const ready = made.get(message);
  if (ready?.event.case === "message" && ready.event.value.channel === channelNameFor(message.channel, userId))
    return ready;
  const streamed = create(SubscribeMessagesResponseSchema, {
    event: { case: "message", value: toChatMessage(message, userId) },
  });
  made.set(message, streamed);
  return streamed;
}

const envelopes = new WeakMap<SubscribeMessagesResponse, Buffer>();

/** {@link toStreamed}, encoded and in its envelope: once for all who share it. */
export function toEnvelope(message: Message, userId: string): Buffer {
  const streamed = toStreamed(message, userId);
  const ready = envelopes.get(streamed);
  if (ready) return ready;
  const envelope = envelop(toBinary(SubscribeMessagesResponseSchema, streamed));
  envelopes.set(streamed, envelope);
  return envelope;
}
