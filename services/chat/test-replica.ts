/** For the tests of this service: replicas in this process, on real engines. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Client, Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { ChatService, type SubscribeMessagesResponse } from "#gen/game/chat/v1/chat_service_pb.ts";
import type { ChatMessage } from "#gen/game/chat/v1/message_pb.ts";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { parseEvent, toOutgoing } from "#kit/events.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createLog } from "#kit/log.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { connectRedis } from "#kit/redis.ts";
import { createInProcessTransport } from "../../tests/support/in-process.ts";
import { createChatService } from "./chat.ts";
import { createEventHandlers } from "./events.ts";
import type { Message } from "./message.ts";
import { type ChatParts, createChatParts } from "./parts.ts";
import { defaultSpamRules, type SpamRules } from "./spam-rules.ts";

export interface Engines {
  databaseUrl: string;
  redisUrl: string;
}

/** Somebody who calls. */
export interface Player {
  userId: string;
  username: string;
  sessionId: string;
}

export interface Replica extends ChatParts {
  database: Database;
  /** A client that the edge has let in as this player. */
  clientOf(player: Player): Client<typeof ChatService>;
}

/** Somebody new. */
export const player = (username: string): Player => ({ userId: randomUUID(), username, sessionId: randomUUID() });

/** Whom the account service doesn't know. */
export const unknownPlayer = "00000000-0000-4000-8000-000000000000";

/** Starts a replica for the length of a test, and waits for its schema. Redis may come later. */
export async function startReplica(
  t: TestContext,
  engines: Engines,
  options: {
    instance?: string;
    clock?: () => Date;
    checkMs?: number;
    heartbeatSeconds?: number;
    spamRules?: SpamRules;
    accountsAway?: boolean;
  } = {},
): Promise<Replica> {
  const { instance = "chat-1", clock = () => new Date(), checkMs = 50, heartbeatSeconds = 15 } = options;
  const log = createLog("chat");
  log.level = "silent";
  const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
  const database = openDatabase({ url: engines.databaseUrl, name: "chat", migrations, log });
  const parts = createChatParts({
    database,
    redis: connectRedis(engines.redisUrl, instance, log, 500),
    accounts: {
      async getUserProfile({ userId }) {
        if (options.accountsAway) throw new ConnectError("no healthy upstream", Code.Unavailable);
        if (userId === unknownPlayer) throw new ConnectError("there is no such user", Code.NotFound);
        return { $typeName: "game.account.v1.GetUserProfileResponse" };
      },
    },
    spamRules: options.spamRules ?? defaultSpamRules,
    instance,
    stored: () => undefined,
    clock,
    checkMs,
    limits: { maxPartySize: 3, inviteSeconds: 300, heartbeatSeconds },
    log,
  });
  t.after(async () => {
    await parts.close();
    await database.close();
  });
  await parts.sessions.known;
  return {
    ...parts,
    database,
    clientOf(player) {
      const interceptors = [refuseEndedSessions(parts.sessions)];
      const routes = (router: ConnectRouter) => router.service(ChatService, createChatService(parts));
      return createClient(ChatService, createInProcessTransport(routes, player, { interceptors, log }));
    },
  };
}

/** A stream, as a test reads it. */
export interface Stream {
  /** The event that comes next, of whatever kind. */
  event(): Promise<SubscribeMessagesResponse["event"]>;
  /** The next messages. */
  messages(count: number): Promise<ChatMessage[]>;
  close(): void;
}

/** Subscribes and waits until the subscription is in force. `after`: the message ids after which to begin. */
export async function subscribe(
  client: Client<typeof ChatService>,
  channels: string[],
  after: Record<string, number> = {},
): Promise<Stream & { cursors: Record<string, bigint> }> {
  const ending = new AbortController();
  const subscriptions = channels.map((channel) => ({
    channel,
    ...(after[channel] !== undefined && { afterMessageId: BigInt(after[channel]) }),
  }));
  const events = client.subscribeMessages({ subscriptions }, { signal: ending.signal })[Symbol.asyncIterator]();
  const event = async () => {
    const { value, done } = await events.next();
    if (done) throw new Error("the stream has ended");
    return value.event as SubscribeMessagesResponse["event"];
  };
  const first = await event();
  if (first.case !== "subscribed") throw new Error(`the first event is ${first.case}`);
  return {
    event,
    cursors: Object.fromEntries(first.value.subscriptions.map((one) => [one.channel, one.afterMessageId!])),
    async messages(count) {
      const found: ChatMessage[] = [];
      while (found.length < count) {
        const next = await event();
        if (next.case === "message") found.push(next.value);
      }
      return found;
    },
    close: () => ending.abort(),
  };
}

/** A draft as a player's SendMessage makes it. */
export const draftOf = (text: string, { userId, username }: Player, requestId?: string) => ({
  sender: { userId, username },
  text,
  ...(requestId !== undefined && { requestId }),
});

/** The texts of messages. */
export const textsOf = (messages: (ChatMessage | Message)[]): (string | undefined)[] =>
  messages.map((message) => ("content" in message ? (message.content.value as string) : message.text));

/** `prefix1`, `prefix2`, ... */
export const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);

/** Rejects with this code and reason. */
export async function assertRefused(call: Promise<unknown>, code: Code, reason?: string): Promise<ConnectError> {
  const error = await call.then(
    () => assert.fail("not refused"),
    (thrown) => ConnectError.from(thrown),
  );
  assert.equal(Code[error.code], Code[code], error.message);
  if (reason) assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, reason);
  return error;
}

/** Lets a replica handle an event of another service. */
export const handleEvent = async (replica: Replica, userId: string, data: Parameters<typeof toOutgoing>[3]) => {
  const { type, payload } = toOutgoing("game-events", "social", userId, data);
  await replica.database.transaction((client) => createEventHandlers(replica)[type]!(parseEvent(payload), client));
};
