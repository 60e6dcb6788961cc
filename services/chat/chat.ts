import type { ServiceImpl } from "@connectrpc/connect";
import type { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { type Caller, callerOf } from "#kit/identity.ts";
import { hasMembers, kindOf, storedChannel, whisperPartner } from "./channel.ts";
import { chatMessageSent } from "./events.ts";
import { createJoin } from "./join.ts";
import { cleanText, type Message } from "./message.ts";
import type { ChatParts } from "./parts.ts";
import { createPartyMethods } from "./party.ts";
import { refuse } from "./refusals.ts";
import { createSubscribe } from "./subscribe.ts";
import { toChatMessage } from "./view.ts";

const defaultPageSize = 50;

/** Answers for game.chat.v1.ChatService. */
export function createChatService(parts: ChatParts): ServiceImpl<typeof ChatService> {
  const { store, post, players, spamGuard } = parts;
  const join = createJoin<Message>();

  async function requireReader({ userId }: Caller, channel: string): Promise<void> {
    if (hasMembers(channel) && (await store.memberships(userId, [channel])).size === 0)
      throw refuse("not_a_member", `you are no member of ${channel}`);
  }

  async function requireWriter(caller: Caller, channel: string): Promise<void> {
    await requireReader(caller, channel);
    if (kindOf(channel) !== "whisper") return;
    const partner = whisperPartner(channel, caller.userId);
    if (partner === caller.userId) throw refuse("to_oneself", "nobody whispers to themselves");
    if (!(await players.exists(partner))) throw refuse("player_unknown", "there is no such player");
  }

  /** Says it unless it is spam, or was said before under the same request id: the same again is no spam. */
  async function say({ userId, username }: Caller, channel: string, text: string, requestId: string): Promise<Message> {
    let takeBack: () => void;
    try {
      takeBack = await spamGuard.admit(userId, text);
    } catch (refusal) {
      const first = requestId ? await store.findByRequestId(userId, requestId) : undefined;
      if (first) return first;
      throw refusal;
    }
    try {
      const event = chatMessageSent(userId, channel, text);
      const draft = { sender: { userId, username }, text, event, ...(requestId && { requestId }) };
      const { message, repeated } = await post(channel, draft);
      if (repeated) takeBack();
      return message;
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  /** Who has never heard from the caller isn't subscribed to their whispers: the first one goes to their inbox too. */
  async function tellOfWhisper({ userId }: Caller, { channel, sender, text }: Message): Promise<void> {
    // Should this fail, the client's next try with its request id comes here again. Under this id it is stored once.
    const draft = { sender: sender!, text: text!, requestId: `first ${channel}` };
    await post(`inbox/${whisperPartner(channel, userId)}`, draft);
  }

  return {
    async sendMessage({ channel: name, text: raw, requestId }, context) {
      const caller = callerOf(context.requestHeader);
      const channel = storedChannel(name, caller.userId);
      const text = checkedText(raw);
      await requireWriter(caller, channel);
      const saying = () => say(caller, channel, text, requestId);
      const message = requestId ? (await join(`${caller.userId} ${requestId}`, saying)).result : await saying();
      if (kindOf(channel) === "whisper" && message.id === 1) await tellOfWhisper(caller, message);
      return { message: toChatMessage(message, caller.userId) };
    },

    async listMessages(request, context) {
      const caller = callerOf(context.requestHeader);
      const channel = storedChannel(request.channel, caller.userId);
      await requireReader(caller, channel);
      const before = parsePageToken(request.pageToken);
      const messages = await store.listBefore(channel, before, request.pageSize || defaultPageSize);
      const oldest = messages.at(-1)?.id ?? 1;
      return {
        messages: messages.map((message) => toChatMessage(message, caller.userId)),
        // Ids have no gaps and begin with 1.
        nextPageToken: oldest > 1 ? pageTokenOf(oldest) : "",
      };
    },

    async broadcastNotification(request) {
      const { message } = await post("system", { text: checkedText(request.text) });
      return { messageId: BigInt(message.id) };
    },

    subscribeMessages: createSubscribe(parts),
    ...createPartyMethods(parts),
  };
}

function checkedText(raw: string): string {
  try {
    return cleanText(raw);
  } catch (error) {
    throw refuse("text_invalid", (error as Error).message);
  }
}

const pageTokenOf = (beforeId: number): string => Buffer.from(`before:${beforeId}`).toString("base64url");

function parsePageToken(token: string): number {
  if (token === "") return Number.MAX_SAFE_INTEGER;
  const found = /^before:(\d{1,15})$/.exec(Buffer.from(token, "base64url").toString());
  if (!found) throw refuse("page_token_invalid", "page_token is none of ours");
  return Number(found[1]);
}
