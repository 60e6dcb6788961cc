/** One span as Jaeger tells it. */
export interface Span {
  id: string;
  /** Not among the spans when the trace began outside. */
  parentId: string | undefined;
  service: string;
  operation: string;
  /** Microseconds since 1970. */
  start: number;
  /** Microseconds. */
  duration: number;
  tags: Record<string, unknown>;
}

interface JaegerTrace {
  spans: {
    spanID: string;
    operationName: string;
    processID: string;
    startTime: number;
    duration: number;
    references: { refType: string; spanID: string }[];
    tags: { key: string; value: unknown }[];
  }[];
  processes: Record<string, { serviceName: string; tags?: { key: string; value: unknown }[] }>;
}

/**
 * The spans of a trace that Jaeger has at this moment; none for a trace that it doesn't know.
 *
 * @param jaeger the query API's address, `http://127.0.0.1:16686`.
 */
export async function fetchSpans(jaeger: string, traceId: string): Promise<Span[]> {
  const response = await fetch(`${jaeger}/api/traces/${traceId}`, { signal: AbortSignal.timeout(5_000) });
  const { data } = (await response.json()) as { data: JaegerTrace[] | null };
  const tagsOf = (tags: { key: string; value: unknown }[] = []) => tags.map(({ key, value }) => [key, value]);
  return (data ?? []).flatMap(({ spans, processes }) =>
    spans.map((span) => ({
      id: span.spanID,
      parentId: span.references.find(({ refType }) => refType === "CHILD_OF")?.spanID,
      service: processes[span.processID]?.serviceName ?? "unknown",
      operation: span.operationName,
      start: span.startTime,
      duration: span.duration,
      tags: Object.fromEntries([...tagsOf(processes[span.processID]?.tags), ...tagsOf(span.tags)]),
    })),
  );
}
