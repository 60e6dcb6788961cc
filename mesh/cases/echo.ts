import { once } from "node:events";
import { createServer, type Http2Session, type ServerHttp2Stream } from "node:http2";
import type { Address } from "../local/topology.ts";

/** What a call looked like when it reached the app behind a sidecar. */
export interface Received {
  /** The workload that got it. */
  upstream: string;
  method: string;
  path: string;
  headers: Record<string, string>;
}

/** A tiny app in the place of a service: it shows what the mesh lets through and how it treats what comes back. */
export interface Echo extends AsyncDisposable {
  /** The calls so far, without /readyz and the key set. */
  received: Received[];
  /** What each answer's status is, from now on; 200 to begin with. */
  status: number;
  /** The body at /.well-known/jwks.json; undefined: 503, as if the service were down. */
  jwks: string | undefined;
  /** How often the key set was given out. */
  jwksFetches: number;
}

/**
 * Starts an app on `at`, HTTP/2 in clear, as the services do. It answers
 * - a gRPC call with an empty message and grpc-status 0, any other with the call itself as JSON;
 * - `x-status`: with that status;
 * - `x-hang`: never; `x-stream`: with the request's body, piece by piece, as long as the request lasts.
 */
export async function startEcho(
  upstream: string,
  at: Address,
  onCall: (received: Received) => void = () => {},
): Promise<Echo> {
  const sessions = new Set<Http2Session>();
  const echo: Echo = {
    received: [],
    status: 200,
    jwks: undefined,
    jwksFetches: 0,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function answer(stream: ServerHttp2Stream, headers: Record<string, string>) {
    const { ":path": path = "", ":method": method = "" } = headers;
    const json = (status: number, body: string) => {
      stream.respond({ ":status": status, "content-type": "application/json" });
      stream.end(body);
    };
    if (path === "/readyz") return json(200, "{}");
    if (path === "/.well-known/jwks.json") {
      if (echo.jwks === undefined) return json(503, "{}");
      echo.jwksFetches += 1;
      return json(200, echo.jwks);
    }
    const received = { upstream, method, path, headers };
    echo.received.push(received);
    onCall(received);
    if (headers["x-hang"]) return;
    if (headers["x-status"]) return json(Number(headers["x-status"]), JSON.stringify(received));
    if (headers["x-stream"]) {
      stream.respond({ ":status": 200, "content-type": headers["content-type"] ?? "" });
      stream.pipe(stream);
      return;
    }
    if (!headers["content-type"]?.startsWith("application/grpc")) return json(echo.status, JSON.stringify(received));
    stream.respond({ ":status": 200, "content-type": headers["content-type"] }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
  }

  const server = createServer();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {}); // a caller that has gone
    answer(stream, headers as Record<string, string>);
  });
  server.listen(at);
  await once(server, "listening");
  return echo;
}
