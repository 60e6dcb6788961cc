/** `npm run demo`: players on the running platform, over three protocols: what they say, the trace of it, and what one of them buys. */
import { randomBytes } from "node:crypto";
import { styleText } from "node:util";
import { ConnectError, createClient } from "@connectrpc/connect";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { InventoryService } from "#gen/game/inventory/v1/inventory_service_pb.ts";
import { PurchaseStatus, PurchaseStatusSchema } from "#gen/game/inventory/v1/purchase_pb.ts";
import { addresses, format } from "../../mesh/local/topology.ts";
import { fetchSpans } from "../../stack/trace/jaeger.ts";
import { drawTrace } from "../../stack/trace/tree.ts";
import { createEdgeTransport, type Protocol } from "../support/clients.ts";
import { until } from "../support/until.ts";

const edge = process.env.EDGE_URL ?? `http://${format(addresses(0).edge)}`;
const jaeger = process.env.JAEGER_QUERY ?? `http://${format(addresses(0).jaeger)}`;

const say = (who: string, protocol: string, what: string) =>
  console.log(`${styleText("bold", who.padEnd(6))} ${styleText("dim", protocol.padEnd(13))} ${what}`);

/** Registers and logs in, and gives clients that speak `protocol`. */
async function join(name: string, protocol: Protocol, headers: Record<string, string> = {}) {
  const username = `${name}-${randomBytes(3).toString("hex")}`;
  const password = randomBytes(12).toString("base64url");
  const auth = createClient(AuthService, createEdgeTransport(edge, { protocol }));
  const { user } = await auth.register({ username, password });
  const { accessToken } = await auth.authenticate({ username, password, clientVersion: "demo" });
  const transport = createEdgeTransport(edge, { protocol, token: accessToken, headers });
  say(name, protocol, `registers as ${username} and logs in`);
  return {
    userId: user!.userId,
    account: createClient(AccountService, transport),
    chat: createClient(ChatService, transport),
    inventory: createClient(InventoryService, transport),
  };
}

async function play(): Promise<void> {
  const traceId = randomBytes(16).toString("hex");
  const traced = { traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-01` };
  const ada = await join("Ada", "connect-json", traced);
  const bob = await join("Bob", "grpc");

  const { profile } = await bob.account
    .getUserProfile({ userId: ada.userId })
    .catch(() => ada.account.getUserProfile({}));
  say("Bob", "grpc", `reads Ada's profile: ${profile?.displayName}`);

  const leaving = new AbortController();
  const stream = bob.chat.subscribeMessages({ subscriptions: [{ channel: "world" }] }, { signal: leaving.signal });
  try {
    for await (const { event } of stream) {
      if (event.case === "subscribed") {
        say("Bob", "grpc stream", "listens to the world");
        const { message } = await ada.chat.sendMessage({ channel: "world", text: "Hello, world!" });
        say("Ada", "connect-json", `says "${message?.content.value}", message ${message?.messageId}`);
      }
      if (event.case !== "message" || event.value.sender?.userId !== ada.userId) continue;
      say("Bob", "grpc stream", `hears "${event.value.content.value}"`);
      leaving.abort();
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  }

  const eve = await join("Eve", "grpc-web");
  const { messages } = await eve.chat.listMessages({ channel: "world", pageSize: 1 });
  say("Eve", "grpc-web", `reads the history: "${messages[0]?.content.value}"`);
  await eve.chat.broadcastNotification({ text: "I am the admin" }).catch((error) => {
    say("Eve", "grpc-web", `may not broadcast: ${ConnectError.from(error).message}`);
  });
  await buySword(bob).catch((error) => say("Bob", "grpc", `can't buy now: ${ConnectError.from(error).message}`));
  await showTrace(traceId);
}

/** A purchase is a saga: paid, delivered and logged, or nothing of it. */
async function buySword({ account, inventory }: Awaited<ReturnType<typeof join>>): Promise<void> {
  const { purchaseId, price } = await inventory.purchaseItem({ requestId: "1", itemId: "iron_sword", quantity: 1 });
  const purchase = await until("the purchase has ended", async () => {
    const { purchase } = await inventory.waitPurchase({ purchaseId });
    return purchase?.status !== PurchaseStatus.RUNNING && purchase;
  });
  const { balance } = await account.getBalance({});
  const { items } = await inventory.listItems({});
  const bag = items.map(({ itemId, quantity }) => `${quantity} ${itemId}`).join(", ");
  say(
    "Bob",
    "grpc",
    `buys an iron sword for ${price} gold: ${PurchaseStatusSchema.value[purchase.status]!.localName.toLowerCase()}`,
  );
  say("Bob", "grpc", `has ${balance} gold left, and in the bag: ${bag || "nothing"}`);
}

/** What Ada said, hop by hop, once Jaeger has it down to the outbox. */
async function showTrace(traceId: string): Promise<void> {
  console.log(`\nAda's message, hop by hop (npm run trace -- ${traceId}):\n`);
  try {
    const spans = await until("the trace is in Jaeger", async () => {
      const found = await fetchSpans(jaeger, traceId);
      return found.some(({ operation }) => operation === "send chat-events") && found;
    });
    console.log(drawTrace(spans).join("\n"));
    console.log(`\nIn Jaeger: ${jaeger}/trace/${traceId}`);
  } catch {
    console.log(
      "Jaeger does not have it: it may still be compiling (npm run status). Ask again later with the command above.",
    );
  }
}

try {
  await play();
} catch (error) {
  console.error(
    `The demo needs the running platform at ${edge}: npm start first. (${ConnectError.from(error).message})`,
  );
  process.exitCode = 1;
}
