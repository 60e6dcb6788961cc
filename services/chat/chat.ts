import type { ServiceImpl } from "@connectrpc/connect";
import type { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { type Caller, callerOf } from "#kit/identity.ts";
import { hasMembers, kindOf, storedChannel, whisperPartner } from "./channel.ts";
import { chatMessageSent } from "./events.ts";
import { cleanText } from "./message.ts";
import type { ChatParts } from "./parts.ts";
import { createPartyMethods } from "./party.ts";
import { refuse } from "./refusals.ts";
import { createSubscribe } from "./subscribe.ts";
import { toChatMessage } from "./view.ts";

const defaultPageSize = 50;

/** Answers for game.chat.v1.ChatService. */
export function createChatService(parts: ChatParts): ServiceImpl<typeof ChatService> {
  const { store, post, players, spamGuard } = parts;

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

  /** @returns undefined when the spam filter refuses what was in truth said before: the same again is no spam. */
  async function admit({ userId }: Caller, text: string, requestId: string) {
    try {
      return { takeBack: await spamGuard.admit(userId, text) };
    } catch (refusal) {
      const first = requestId ? await store.findByRequestId(userId, requestId) : undefined;
      if (first) return { first };
      throw refusal;
    }
  }

  return {
    async sendMessage(request, context) {
      const caller = callerOf(context.requestHeader);
      const { userId, username } = caller;
      const channel = storedChannel(request.channel, userId);
      const text = checkedText(request.text);
      await requireWriter(caller, channel);
      const admitted = await admit(caller, text, request.requestId);
      if (admitted.first) return { message: toChatMessage(admitted.first, userId) };
      const { message, repeated } = await post(channel, {
        sender: { userId, username },
        text,
        event: chatMessageSent(userId, channel, text),
        ...(request.requestId && { requestId: request.requestId }),
      }).catch((error) => {
        admitted.takeBack();
        throw error;
      });
      if (repeated) admitted.takeBack();
      return { message: toChatMessage(message, userId) };
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
