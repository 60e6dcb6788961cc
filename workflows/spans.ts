/**
 * The spans of a saga, in Temporal's isolate: one of the whole, in it one for each step, and one for each message from outside. They are those
 * of Temporal's OpenTelemetry interceptors, whose SDK takes three times as long here as the saga itself.
 */
import { defaultPayloadConverter, type Payload } from "@temporalio/common";
import type { OpenTelemetrySinks, SerializableSpan } from "@temporalio/interceptors-opentelemetry-v2";
import { getRandomStream, proxySinks, type WorkflowInterceptorsFactory, workflowInfo } from "@temporalio/workflow";

/** As Temporal's interceptors outside of the isolate name it and write it. */
const header = "_tracer-data";
type Headers = Record<string, Payload>;

interface SpanContext {
  traceId: string;
  spanId: string;
  traceFlags: number;
}

export const interceptors: WorkflowInterceptorsFactory = () => {
  const { exporter } = proxySinks<OpenTelemetrySinks>();
  const random = getRandomStream("game-mesh/spans");
  const hex = (length: number) => Array.from({ length }, () => Math.floor(random.random() * 16).toString(16)).join("");

  /** The span of `work`, which is given its context. */
  async function inSpan<T>(
    name: string,
    parent: SpanContext | undefined,
    work: (own: SpanContext) => Promise<T>,
  ): Promise<T> {
    const own = { traceId: parent?.traceId ?? hex(32), spanId: hex(16), traceFlags: parent?.traceFlags ?? 1 };
    const start = Date.now();
    let status: SerializableSpan["status"] = { code: 1 };
    try {
      return await work(own);
    } catch (error) {
      status = { code: 2, message: (error as Error).message };
      throw error;
    } finally {
      const end = Date.now();
      const times = { startTime: hrTime(start), endTime: hrTime(end), duration: hrTime(end - start) };
      const span = { ...blank, name, spanContext: own, ...times, status };
      exporter.export([parent ? { ...span, parentSpanContext: parent } : span]);
    }
  }

  let saga: SpanContext | undefined;
  const step = <I extends { activityType: string; headers: Headers }>(input: I, next: (input: I) => Promise<unknown>) =>
    inSpan(`StartActivity:${input.activityType}`, saga, (own) => {
      const traceparent = `00-${own.traceId}-${own.spanId}-0${own.traceFlags}`;
      const payload = defaultPayloadConverter.toPayload({ traceparent });
      return next({ ...input, headers: { ...input.headers, [header]: payload } });
    });
  return {
    inbound: [
      {
        execute: (input, next) =>
          inSpan(`RunWorkflow:${workflowInfo().workflowType}`, contextOf(input.headers), (own) => {
            saga = own;
            return next(input);
          }),
        handleSignal: (input, next) =>
          inSpan(`HandleSignal:${input.signalName}`, contextOf(input.headers), () => next(input)),
        async handleUpdate(input, next) {
          const answer = await inSpan(`HandleUpdate:${input.name}`, contextOf(input.headers), () => next(input));
          // The saga goes on before the answer leaves, as in the histories that Temporal's interceptors have written.
          for (let turn = 0; turn < 3; turn++) await undefined;
          return answer;
        },
      },
    ],
    outbound: [{ scheduleActivity: step, scheduleLocalActivity: step }],
  };
};

function contextOf(headers: Headers): SpanContext | undefined {
  const payload = headers[header];
  const { traceparent } = payload ? defaultPayloadConverter.fromPayload<{ traceparent?: string }>(payload) : {};
  const [, traceId, spanId, flags] = traceparent?.split("-") ?? [];
  return traceId && spanId ? { traceId, spanId, traceFlags: Number.parseInt(flags ?? "1", 16) } : undefined;
}

const hrTime = (ms: number): [number, number] => [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000];

const blank = {
  kind: 0,
  attributes: {},
  links: [],
  events: [],
  ended: true,
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
  instrumentationScope: { name: "game-mesh/sagas" },
} satisfies Partial<SerializableSpan>;
