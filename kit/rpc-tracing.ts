import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Interceptor } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Context, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { meter } from "./metrics.ts";

/** Neither node:http2 nor connect-es makes spans of its own: these two are the only source of RPC spans. */
const tracer = trace.getTracer("game-mesh/rpc");
const calls = meter.createHistogram("rpc.server.call.duration", {
  unit: "s",
  description: "Calls by method and code",
  advice: { explicitBucketBoundaries: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] },
});

/** The codes that are the server's fault. Others are answers. */
const faults = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Answers one HTTP/2 request. */
export type RequestHandler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

const kRpc = Symbol("rpc");

interface ServerCall {
  span: Span;
  code: string;
}

/**
 * Runs `handler` for one call in a server span, a child of the caller's. The span ends with the response, however that ends, so that
 * streams and calls that never reach a method (malformed, unknown) have one too.
 */
export function traceServerCall(handler: RequestHandler): RequestHandler {
  return (request, response) => {
    const start = performance.now();
    const path = (request.url ?? "/").split("?", 1)[0]!.slice(1);
    const [service = "", method = ""] = path.split("/");
    const parent = propagation.extract(context.active(), request.headers);
    const span = tracer.startSpan(
      path,
      {
        kind: SpanKind.SERVER,
        attributes: { "rpc.system": systemOf(request), "rpc.service": service, "rpc.method": method },
      },
      parent,
    );
    const call: ServerCall = { span, code: "" };
    response.once("close", () => {
      const status = response.statusCode;
      if (!response.writableEnded && !call.code) call.code = "canceled";
      // Only what never reached a method has no code yet: the protocol's status tells.
      call.code ||= status >= 400 ? `http_${status}` : "ok";
      span.setAttribute("rpc.response.status_code", call.code);
      span.setAttribute("http.response.status_code", status);
      span.end();
      const known = status !== 404 && status !== 415;
      calls.record((performance.now() - start) / 1_000, {
        "rpc.method": known ? path : "(unknown)",
        "rpc.response.status_code": call.code,
      });
    });
    context.with(trace.setSpan(parent, span).setValue(kRpc, call), () => handler(request, response));
  };
}

/** Notes on the call's span and in the metric how the method ended. */
export function noteCallEnd(active: Context, error: ConnectError | undefined): void {
  const call = active.getValue(kRpc) as ServerCall | undefined;
  if (!call) return;
  call.code = error ? nameOf(error.code) : "ok";
  if (error && faults.has(error.code)) call.span.setStatus({ code: SpanStatusCode.ERROR, message: error.rawMessage });
}

/** A code as the Connect protocol writes it, `permission_denied`. */
export const nameOf = (code: Code): string => Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();

function systemOf(request: Http2ServerRequest): string {
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc-web")) return "grpc_web";
  return type.startsWith("application/grpc") ? "grpc" : "connect_rpc";
}

/** Makes a client span of each call and sends its id along. */
export const traceClientCalls: Interceptor = (next) => async (request) => {
  const span = tracer.startSpan(`${request.service.typeName}/${request.method.name}`, {
    kind: SpanKind.CLIENT,
    attributes: {
      "rpc.system": "connect_rpc",
      "rpc.service": request.service.typeName,
      "rpc.method": request.method.name,
    },
  });
  const active = trace.setSpan(context.active(), span);
  propagation.inject(active, request.header, { set: (header, name, value) => header.set(name, value) });
  try {
    return await context.with(active, () => next(request));
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    span.setAttribute("rpc.response.status_code", nameOf(code));
    span.setStatus({ code: SpanStatusCode.ERROR, message: rawMessage });
    throw error;
  } finally {
    span.end();
  }
};
