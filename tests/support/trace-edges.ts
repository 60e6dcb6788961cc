import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { fetchSpans, type Span } from "../../stack/trace/jaeger.ts";
import { until } from "./until.ts";

/** A span that must have a child, both as `<service> <operation>`. Envoy's spans are named `<service>.game`, the processes' `<service>`. */
export type Edge = [parent: RegExp, child: RegExp];

export const nameOf = (span: Span | undefined) => (span ? `${span.service} ${span.operation}` : "-");

/** Headers that begin a trace of ours, sampled. */
export function beginTrace() {
  const traceId = randomBytes(16).toString("hex");
  return { traceId, headers: { traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-01` } };
}

/** Whether some span that matches `child` is the child of one that matches `parent`. */
function hasEdge(spans: Span[], [parent, child]: Edge): boolean {
  const byId = new Map(spans.map((span) => [span.id, span]));
  return spans.some((span) => child.test(nameOf(span)) && parent.test(nameOf(byId.get(span.parentId ?? ""))));
}

/** Waits until the trace has all `edges`, and gives its spans. @param jaeger `http://127.R.0.1:16686` */
export async function assertEdges(jaeger: string, traceId: string, edges: Edge[]): Promise<Span[]> {
  let spans: Span[] = [];
  const missing = () => edges.filter((edge) => !hasEdge(spans, edge));
  await until("all edges are in Jaeger", async () => {
    spans = await fetchSpans(jaeger, traceId);
    return missing().length === 0;
  }).catch(() => undefined);
  const byId = new Map(spans.map((span) => [span.id, span]));
  const seen = spans.map((span) => `${nameOf(byId.get(span.parentId ?? ""))} -> ${nameOf(span)}`).sort();
  assert.deepEqual(
    missing().map(([parent, child]) => `${parent} -> ${child}`),
    [],
    `the trace has:\n${seen.join("\n")}`,
  );
  return spans;
}
