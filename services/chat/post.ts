import { type Context, context, propagation, trace } from "@opentelemetry/api";
import type { Fanout } from "./fanout.ts";
import { createGroupCommit } from "./group-commit.ts";
import { createJoin } from "./join.ts";
import type { Draft, Message } from "./message.ts";
import type { PublishedMessage } from "./publication.ts";
import type { ChatStore } from "./store.ts";

/** A draft's message. `repeated`: the sender had used the request id before, and this is what they sent then. */
export interface Posted {
  message: Message;
  repeated: boolean;
}

/** Stores a message on a channel, by its stored name, and takes it to all listeners. */
export type Post = (channel: string, draft: Draft) => Promise<Posted>;

const tracer = trace.getTracer("game-mesh/chat");

/** @param stored is called after a transaction that may hold events. */
export function createPost(options: { store: ChatStore; fanout: Fanout; stored: () => void }): Post {
  const { store, fanout, stored } = options;
  const commit = createGroupCommit(storeGroup);
  /** What is being stored under a request id, so that one group never holds the same twice. */
  const join = createJoin<Posted>();

  interface Item {
    draft: Draft;
    sending: Context;
  }

  /** In the trace of the group's first message; the others' are linked. */
  function storeGroup(channel: string, items: Item[]): Promise<Posted[]> {
    const parent = items[0]!.sending;
    const links = items.slice(1).flatMap(({ sending }) => trace.getSpanContext(sending) ?? []);
    const span = tracer.startSpan(
      "store chat messages",
      { links: links.map((linked) => ({ context: linked })), attributes: { "game.chat.messages": items.length } },
      parent,
    );
    return context.with(trace.setSpan(parent, span), async () => {
      try {
        const drafts = items.map(({ draft }) => draft);
        const { results, memberRevision } = await store.append(channel, drafts);
        stored();
        publish(channel, drafts, results, memberRevision);
        return results;
      } finally {
        span.end();
      }
    });
  }

  function publish(channel: string, drafts: Draft[], results: Posted[], memberRevision: number): void {
    const messages: PublishedMessage[] = [];
    results.forEach(({ message, repeated }, i) => {
      if (!repeated) messages.push({ message, traceparent: drafts[i]!.traceparent });
    });
    const lastId = messages.at(-1)?.message.id;
    if (lastId !== undefined) fanout.publish(channel, { lastId, memberRevision }, messages);
  }

  function post(channel: string, draft: Draft): Promise<Posted> {
    const carrier: { traceparent?: string } = {};
    propagation.inject(context.active(), carrier);
    return commit(channel, { draft: { ...draft, ...carrier }, sending: context.active() });
  }

  return async (channel, draft) => {
    if (draft.requestId === undefined) return await post(channel, draft);
    const key = `${draft.sender?.userId} ${draft.requestId}`;
    const { result, joined } = await join(key, () => post(channel, draft));
    return joined ? { ...result, repeated: true } : result;
  };
}
