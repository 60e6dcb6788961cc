import { randomBytes } from "node:crypto";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { ChatService, type SubscribeMessagesResponse } from "#gen/game/chat/v1/chat_service_pb.ts";
import type { ChatMessage } from "#gen/game/chat/v1/message_pb.ts";
import { InventoryService } from "#gen/game/inventory/v1/inventory_service_pb.ts";
import { MatchService } from "#gen/game/match/v1/match_service_pb.ts";
import { SocialService } from "#gen/game/social/v1/social_service_pb.ts";
import { type ClientOptions, createEdgeTransport } from "./clients.ts";

/** What it takes to come back. */
export interface Account {
  userId: string;
  username: string;
  password: string;
  refreshToken: string;
}

/** Somebody who has registered and logged in through the edge. */
export interface Player extends Account {
  accessToken: string;
  auth: Client<typeof AuthService>;
  account: Client<typeof AccountService>;
  chat: Client<typeof ChatService>;
  inventory: Client<typeof InventoryService>;
  social: Client<typeof SocialService>;
  match: Client<typeof MatchService>;
}

let count = 0;

/**
 * Registers and logs in. Each player calls from an address of their own, as people do: the login limit counts by address.
 *
 * @param edge `http://127.R.0.1:8080`.
 */
export async function joinGame(edge: string, options: ClientOptions = {}): Promise<Player> {
  const username = `p${randomBytes(6).toString("hex")}`;
  const password = randomBytes(12).toString("base64url");
  const from = options.from ?? nextAddress(edge);
  const anonymous = createClient(AuthService, createEdgeTransport(edge, { ...options, from }));
  await anonymous.register({ username, password });
  const login = await anonymous.authenticate({ username, password, clientVersion: "test" });
  return playerOf(edge, { ...options, from }, { username, password, userId: login.user!.userId }, login);
}

/** Goes on with the session of a player who was here before, without a password. The old refresh token is void then. */
export async function rejoinGame(edge: string, before: Account, options: ClientOptions = {}): Promise<Player> {
  const from = options.from ?? nextAddress(edge);
  const anonymous = createClient(AuthService, createEdgeTransport(edge, { ...options, from }));
  const tokens = await anonymous.refreshToken({ refreshToken: before.refreshToken });
  return playerOf(edge, { ...options, from }, before, tokens);
}

function playerOf(
  edge: string,
  options: ClientOptions,
  { userId, username, password }: Omit<Account, "refreshToken">,
  { accessToken, refreshToken }: { accessToken: string; refreshToken: string },
): Player {
  const transport = createEdgeTransport(edge, { ...options, token: accessToken });
  return { userId, username, password, accessToken, refreshToken, ...clientsOf(transport) };
}

function clientsOf(transport: Transport) {
  return {
    auth: createClient(AuthService, transport),
    account: createClient(AccountService, transport),
    chat: createClient(ChatService, transport),
    inventory: createClient(InventoryService, transport),
    social: createClient(SocialService, transport),
    match: createClient(MatchService, transport),
  };
}

/** An address in the edge's own loopback network that nobody has called from yet. */
export function nextAddress(edge: string): string {
  const [a, b] = new URL(edge).hostname.split(".");
  count++;
  return `${a}.${b}.${100 + (process.pid % 100)}.${(count % 250) + 2}`;
}

/** Reads a message stream in the background. `close` ends it. */
export function listen(player: Player, subscriptions: { channel: string; afterMessageId?: bigint }[]) {
  const ending = new AbortController();
  const messages: ChatMessage[] = [];
  const subscribed = Promise.withResolvers<SubscribeMessagesResponse>();
  const ended = (async () => {
    try {
      const stream = player.chat.subscribeMessages({ subscriptions }, { signal: ending.signal });
      for await (const event of stream) {
        if (event.event.case === "subscribed") subscribed.resolve(event);
        if (event.event.case === "message") messages.push(event.event.value);
      }
      return undefined;
    } catch (error) {
      subscribed.reject(error);
      return error;
    }
  })();
  // Who doesn't wait for it must not be ended by it.
  subscribed.promise.catch(() => undefined);
  return {
    messages,
    subscribed: subscribed.promise,
    ended,
    async close() {
      ending.abort();
      await ended;
    },
  };
}
