import type { ConnectRouter } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

/** How connect-es begins its message about protobuf bytes that it cannot read. */
const sign = "parse binary: ";

/**
 * Makes INVALID_ARGUMENT of malformed protobuf, where connect-es says INTERNAL (of malformed JSON it says INVALID_ARGUMENT already).
 * A client's fault must not look like the server's: five such answers would make the mesh eject a healthy instance.
 */
export function blameClientForMalformed(router: ConnectRouter): void {
  router.handlers.forEach((handler, i) => {
    router.handlers[i] = Object.assign(
      async (request: Parameters<typeof handler>[0]) => mend(await handler(request)),
      handler,
    );
  });
}

type Bytes = AsyncIterable<Uint8Array>;

async function mend(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  if (!response.body || !(Symbol.asyncIterator in response.body)) return response;
  // gRPC says it in the trailers, which are there once the body has been read.
  if (response.trailer) return { ...response, body: mendTrailer(response.body, response.trailer) };
  // Connect says it in the body of an answer 500.
  return response.status === 500 ? await mendBody(response, response.body) : response;
}

async function mendBody(response: UniversalServerResponse, body: Bytes): Promise<UniversalServerResponse> {
  const text = (await Array.fromAsync(body, (chunk) => Buffer.from(chunk).toString())).join("");
  const error = JSON.parse(text);
  const malformed = error.message?.startsWith(sign);
  const bytes = new TextEncoder().encode(malformed ? JSON.stringify({ ...error, code: "invalid_argument" }) : text);
  response.header?.set("content-length", String(bytes.length));
  return { ...response, status: malformed ? 400 : 500, body: once(bytes) };
}

async function* mendTrailer(body: Bytes, trailer: Headers): Bytes {
  yield* body;
  // INTERNAL is 13, INVALID_ARGUMENT is 3.
  if (trailer.get("grpc-status") !== "13" || !decodeURIComponent(trailer.get("grpc-message") ?? "").startsWith(sign))
    return;
  trailer.set("grpc-status", "3");
  trailer.delete("grpc-status-details-bin");
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
