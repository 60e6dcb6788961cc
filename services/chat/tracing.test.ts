import assert from "node:assert/strict";
import { test } from "node:test";
import { context, SpanKind, trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import { draftOf, player, startReplica } from "./test-replica.ts";

interface EndedSpan {
  name: string;
  kind: SpanKind;
  attributes: Record<string, unknown>;
  links: { context: { spanId: string } }[];
  parentSpanContext?: { spanId: string };
  spanContext(): { spanId: string; traceId: string };
}

const ended: EndedSpan[] = [];
const collect = {
  onStart: () => undefined,
  onEnd: (span: unknown) => void ended.push(span as EndedSpan),
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

test("each message is delivered in the trace of its sending, once a replica that has listeners", async (t) => {
  const sdk = new NodeSDK({ spanProcessors: [collect], instrumentations: [] });
  sdk.start();
  t.after(() => sdk.shutdown());
  const engines = await startEngines(t, ["postgres", "redis"]);
  const urls = { databaseUrl: engines.databaseUrl("chat"), redisUrl: engines.redisUrl("chat") };
  const near = await startReplica(t, urls, { instance: "chat-1" });
  const far = await startReplica(t, urls, { instance: "chat-2", checkMs: 3_600_000 });
  const ann = player("ann");
  const listeners = await Promise.all(
    ["one", "two"].map((name) => far.fanout.listen(player(name).userId, [{ channel: "zone/t" }])),
  );
  for (const listener of listeners) t.after(listener.close);
  const tracer = trace.getTracer("test");
  /** As an RPC does it. @returns the span's id and the message. */
  const send = (text: string) => {
    const span = tracer.startSpan("SendMessage");
    const active = trace.setSpan(context.active(), span);
    const id = span.spanContext().spanId;
    return { id, posted: context.with(active, () => near.post("zone/t", draftOf(text, ann))) };
  };
  await until("Redis delivers", async () => {
    await send("hello?").posted;
    return ended.some(({ name }) => name === "deliver chat message");
  });
  const sending = ["a", "b", "c"].map(send);
  const messages = await Promise.all(sending.map(({ posted }) => posted));
  const childrenOf = (name: string) =>
    ended.filter((span) => span.name === name && sending.some(({ id }) => id === span.parentSpanContext?.spanId));
  const deliveries = await until("all are delivered", async () => {
    const found = childrenOf("deliver chat message");
    return found.length >= 3 && found;
  });
  assert.deepEqual(
    deliveries.map(({ kind, attributes, parentSpanContext }) => [
      kind,
      attributes["messaging.message.id"],
      parentSpanContext?.spanId,
    ]),
    messages.map(({ message }, i) => [SpanKind.CONSUMER, String(message.id), sending[i]?.id]),
  );

  // The second and the third came while the first was being stored.
  assert.deepEqual(
    childrenOf("store chat messages").map(({ parentSpanContext, links }) => [
      parentSpanContext?.spanId,
      ...links.map((link) => link.context.spanId),
    ]),
    [[sending[0]?.id], [sending[1]?.id, sending[2]?.id]],
  );
});
