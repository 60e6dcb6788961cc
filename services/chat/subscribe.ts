import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { toConnectError } from "#kit/errors.ts";
import type { ChatParts } from "./parts.ts";
import { createSubscriptions, heartbeat, type Subscription } from "./subscription.ts";
import { toStreamed } from "./view.ts";

/** Answers for SubscribeMessages, but for what `subscribe-bytes.ts` takes. */
export function createSubscribe(parts: ChatParts): ServiceImpl<typeof ChatService>["subscribeMessages"] {
  const open = createSubscriptions(parts);

  return async function* subscribeMessages(request, context) {
    const subscription = await open(context.requestHeader, request);
    // A client that has gone while a message waits for it never lets this function go on: what ends with it can't wait in `finally`.
    context.signal.addEventListener("abort", subscription.close);
    try {
      yield subscription.first;
      yield* follow(subscription, context);
    } finally {
      context.signal.removeEventListener("abort", subscription.close);
      subscription.close();
    }
  };
}

async function* follow(subscription: Subscription, { signal }: HandlerContext) {
  const requireOpen = () => {
    subscription.requireOpen();
    if (signal.aborted) throw toConnectError(signal.reason);
  };
  for (;;) {
    requireOpen();
    const messages = await subscription.next();
    requireOpen();
    if (!messages) yield heartbeat;
    for (const message of messages ?? []) {
      yield toStreamed(message, subscription.userId);
      requireOpen();
    }
  }
}
