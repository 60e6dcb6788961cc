import { toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type SubscribeMessagesRequest,
  SubscribeMessagesRequestSchema,
  type SubscribeMessagesResponse,
  SubscribeMessagesResponseSchema,
} from "#gen/game/chat/v1/chat_service_pb.ts";
import { createBell } from "#kit/bell.ts";
import { type ByteStreamHandler, createMessageReader } from "#kit/byte-streams.ts";
import { envelop } from "#kit/envelope.ts";
import type { ChatParts } from "./parts.ts";
import { createSubscriptions, heartbeat, type Subscription } from "./subscription.ts";
import { toEnvelope } from "./view.ts";

/** A listener that does not read for so long is asked again. */
const patienceMs = 60_000;

/** Answers SubscribeMessages where its messages are binary: the same as subscribe.ts, but all listeners are sent the same bytes. */
export function createSubscribeBytes(parts: ChatParts): ByteStreamHandler {
  const open = createSubscriptions(parts);
  const decode = createMessageReader(SubscribeMessagesRequestSchema);
  const envelopeOf = (event: SubscribeMessagesResponse) => envelop(toBinary(SubscribeMessagesResponseSchema, event));
  const beat = envelopeOf(heartbeat);

  return (stream) => {
    const drained = createBell();
    let subscription: Subscription | undefined;
    let asked = false;
    let closed = false;

    async function follow(request: SubscribeMessagesRequest): Promise<void> {
      subscription = await open(stream.header, request);
      if (closed) return subscription.close();
      subscription.requireOpen();
      stream.send(envelopeOf(subscription.first));
      while (!closed) {
        const messages = await subscription.next();
        if (closed) return;
        subscription.requireOpen();
        if (!messages) stream.send(beat);
        for (const message of messages ?? []) {
          stream.send(toEnvelope(message, subscription.userId));
          // It reads on in the ring, or in Postgres, where it stopped: one that is slow holds nothing up and holds nothing back.
          while (!stream.ready && !closed) await drained.wait(patienceMs);
          subscription.requireOpen();
        }
      }
    }

    return {
      message(bytes) {
        if (asked) throw new ConnectError("one request opens a subscription", Code.InvalidArgument);
        asked = true;
        follow(decode(bytes)).catch(stream.end);
      },
      drained: drained.ring,
      closed() {
        closed = true;
        subscription?.close();
        drained.ring();
      },
    };
  };
}
