import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
import { endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { context } from "@opentelemetry/api";
import { createEnvelopeReader, endStream, envelop } from "./envelope.ts";
import { reportFailure, type SidecarCheck } from "./interceptors.ts";
import type { Log } from "./log.ts";
import { noteCallEnd, type RequestHandler } from "./rpc-tracing.ts";

/** Reads messages of `schema`, and holds them to its rules. The reader throws ConnectError INVALID_ARGUMENT. */
export function createMessageReader<T extends DescMessage>(schema: T): (bytes: Uint8Array) => MessageShape<T> {
  const validator = createValidator();
  return (bytes) => {
    let message: MessageShape<T>;
    try {
      message = fromBinary(schema, bytes);
    } catch (cause) {
      throw new ConnectError("malformed protobuf", Code.InvalidArgument, undefined, undefined, cause);
    }
    const { kind, error } = validator.validate(schema, message);
    if (kind !== "valid") throw new ConnectError(error.message, Code.InvalidArgument);
    return message;
  };
}

/**
 * A bidirectional stream whose messages stay bytes. connect-es spends some ten times what the socket costs on each message of a
 * stream (iterators, promises, interceptors): for a stream with tens of thousands of them a second this is the way around. It takes
 * Connect and gRPC with binary messages, not compressed and without a timeout, and leaves all other calls to the usual handler.
 */
export interface ByteStream {
  readonly header: Headers;
  /** Whether what was sent has gone on its way; while the reader is behind it has not. */
  readonly ready: boolean;
  /** Sends one message in its {@link envelop}e, whose bytes are not to be changed from then on. */
  send(envelope: Uint8Array): void;
  /** Ends the stream, after what was sent, with an error or without. Later calls do nothing. */
  end(error?: unknown): void;
  /** Takes no messages until {@link resume}: the client is held back. */
  pause(): void;
  resume(): void;
}

/** Who answers a {@link ByteStream}. Throwing ends the stream with the error. */
export interface ByteStreamListener {
  /** One message; the bytes are good until it returns. */
  message(bytes: Uint8Array): void;
  /** What was sent has gone on its way: the stream is {@link ByteStream.ready} again. */
  drained?(): void;
  /** The stream is over, whoever ended it. */
  closed(): void;
}

export type ByteStreamHandler = (stream: ByteStream) => ByteStreamListener;

/** Messages that may wait in the process for a slow reader. */
const maxWaiting = 4;
const maxMessageBytes = 64 * 1024;

/**
 * Makes a handler that answers the paths of `handlers`, and everything that it does not take by `otherwise`.
 *
 * @param ending ends the streams that are open then.
 */
export function answerByteStreams(
  handlers: Record<string, ByteStreamHandler>,
  options: { log: Log; checkSidecar: SidecarCheck; ending: AbortSignal },
  otherwise: RequestHandler,
): RequestHandler {
  return (request, response) => {
    const handler = request.method === "POST" ? handlers[request.url ?? ""] : undefined;
    const protocol = handler && protocolOf(request);
    if (!handler || !protocol) return otherwise(request, response);
    open(request, response, protocol, handler, options);
  };
}

type Protocol = "connect" | "grpc";

function protocolOf({ headers }: Http2ServerRequest): Protocol | undefined {
  const plain = (name: string) => (headers[name] ?? "identity") === "identity";
  if (!plain("connect-content-encoding") || !plain("grpc-encoding")) return undefined;
  if (headers["connect-timeout-ms"] || headers["grpc-timeout"]) return undefined;
  const type = headers["content-type"];
  if (type === "application/connect+proto") return "connect";
  return type === "application/grpc" || type === "application/grpc+proto" ? "grpc" : undefined;
}

function open(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  protocol: Protocol,
  handler: ByteStreamHandler,
  { log, checkSidecar, ending }: { log: Log; checkSidecar: SidecarCheck; ending: AbortSignal },
): void {
  const { stream } = request;
  const active = context.active();
  let waiting = 0;
  let ended = false;
  let listener: ByteStreamListener | undefined;
  const written = () => {
    if (waiting-- === maxWaiting) listener?.drained?.();
  };

  function end(thrown?: unknown): void {
    if (ended) return;
    ended = true;
    ending.removeEventListener("abort", stop);
    const error = thrown === undefined ? undefined : reportFailure(log, thrown, request.url!.slice(1), active);
    if (!error) noteCallEnd(active, undefined);
    if (!stream.destroyed) finish(response, protocol, error);
  }
  const stop = () => end(ending.reason);

  const byteStream: ByteStream = {
    header: headersOf(request),
    get ready() {
      return !ended && waiting < maxWaiting;
    },
    send(envelope) {
      if (ended || stream.destroyed) return;
      waiting++;
      stream.write(envelope, written);
    },
    end,
    pause: () => stream.pause(),
    resume: () => stream.resume(),
  };

  response.writeHead(200, { "content-type": request.headers["content-type"] });
  try {
    checkSidecar(byteStream.header);
    if (ending.aborted) throw ending.reason;
    const answering = handler(byteStream);
    listener = answering;
    ending.addEventListener("abort", stop);
    const take = createEnvelopeReader((message) => answering.message(message), requireTakable);
    stream.on("data", (chunk: Buffer) => {
      try {
        if (!ended) take(chunk);
      } catch (error) {
        end(error);
      }
    });
    stream.on("close", () => {
      ended = true;
      ending.removeEventListener("abort", stop);
      answering.closed();
    });
    stream.on("error", () => undefined);
  } catch (error) {
    stream.resume();
    end(error);
  }
}

function requireTakable(flags: number, size: number): void {
  if (flags !== 0) throw new ConnectError("compressed messages are not taken", Code.Unimplemented);
  if (size > maxMessageBytes) throw new ConnectError("a message is too large", Code.ResourceExhausted);
}

function finish(response: Http2ServerResponse, protocol: Protocol, error: ConnectError | undefined): void {
  if (protocol === "grpc") {
    const trailer = setTrailerStatus(new Headers(), error);
    response.addTrailers(Object.fromEntries(trailer));
    response.end();
    return;
  }
  const json = endStreamToJson(new Headers(), error, undefined);
  const last = envelop(Buffer.from(JSON.stringify(json)));
  last[0] = endStream;
  response.end(last);
}

function headersOf({ headers }: Http2ServerRequest): Headers {
  const found = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (!name.startsWith(":") && value !== undefined) found.set(name, Array.isArray(value) ? value.join(", ") : value);
  return found;
}
