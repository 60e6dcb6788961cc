import { readFileSync } from "node:fs";
import http2 from "node:http2";
import type net from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createValidateInterceptor } from "@connectrpc/validate";
import { answerByteStreams, type ByteStreamHandler } from "./byte-streams.ts";
import type { Address } from "./config.ts";
import { serveGrpcHealth } from "./grpc-health.ts";
import { type Probe, reportHealth } from "./health.ts";
import { createSidecarCheck, reportErrors, requireSidecar } from "./interceptors.ts";
import type { Log } from "./log.ts";
import { blameClientForMalformed } from "./malformed.ts";
import { prometheus } from "./prometheus.ts";
import { createReadiness, type Readiness } from "./readiness.ts";
import { serveReflection } from "./reflection.ts";
import { type RequestHandler, traceServerCall } from "./rpc-tracing.ts";

export interface ServerOptions {
  name: string;
  /** Which version of the service this process is; every answer says so in `x-service-version`. */
  version?: string | undefined;
  listen: Address;
  log: Log;
  /** The services that this process answers for. */
  services: DescService[];
  routes: (router: ConnectRouter) => void;
  /** Run after validation, before the handler. Byte streams have none. */
  interceptors?: Interceptor[];
  /** Streams with very many messages, by path; each is in `routes` too, for the calls that it does not take. */
  byteStreams?: Record<string, ByteStreamHandler>;
  /** What reflection shows; `services` unless named. */
  reflect?: DescService[];
  /** Plain GET paths beside the RPCs. */
  pages?: Record<string, () => Promise<{ type: string; body: string }>>;
  probes: Record<string, Probe>;
  /** Settles when the first set-up is done; the process is ready from then on. */
  started: Promise<unknown>;
  sidecarTokenFile?: string | undefined;
}

export interface Server {
  address: Address;
  readiness: Readiness;
  /** Ends with the server: streams give up at its abort. */
  shutdown: AbortSignal;
  /** Takes no new calls, lets those in flight end, at most `deadlineMs`. */
  stop(deadlineMs?: number): Promise<void>;
}

/** Requests are small: what players write, and a few ids. */
const maxRequestBytes = 64 * 1024;

/**
 * Listens with HTTP/2 without TLS, which is what a sidecar speaks to its process, and answers Connect, gRPC and gRPC-web, reflection,
 * grpc.health.v1, `/healthz` (always 200, with the report), `/readyz` (200 or 503) and `/metrics`.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { name, log, listen, services } = options;
  const readiness = createReadiness();
  const shutdown = new AbortController();
  const token = options.sidecarTokenFile ? readFileSync(options.sidecarTokenFile, "utf8").trim() : undefined;
  const checkSidecar = createSidecarCheck(token);
  const handler = connectNodeAdapter({
    routes(router) {
      options.routes(router);
      serveReflection(router, options.reflect ?? services);
      serveGrpcHealth(
        router,
        services.map(({ typeName }) => typeName),
        readiness,
      );
      blameClientForMalformed(router);
    },
    interceptors: [
      reportErrors(log),
      requireSidecar(checkSidecar),
      createValidateInterceptor(),
      ...(options.interceptors ?? []),
    ],
    // Envoy compresses at the edge if anyone does.
    acceptCompression: [],
    readMaxBytes: maxRequestBytes,
    jsonOptions: { ignoreUnknownFields: false },
    shutdownSignal: shutdown.signal,
  });
  const pages = createPages(options, readiness);
  const streaming = { log, checkSidecar, ending: shutdown.signal };
  const traced = traceServerCall(answerByteStreams(options.byteStreams ?? {}, streaming, handler));
  const listener: RequestHandler = (request, response) => {
    if (options.version) response.setHeader("x-service-version", options.version);
    const page = request.method === "GET" ? pages[(request.url ?? "/").split("?", 1)[0]!] : undefined;
    if (page) page(request, response);
    else traced(request, response);
  };

  const server = http2.createServer({ settings: { maxConcurrentStreams: 1_000 } }, listener);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, resolve);
  });
  const { address: host, port } = server.address() as net.AddressInfo;
  log.info({ host, port }, `${name} listens`);
  options.started.then(
    () => {
      if (!shutdown.signal.aborted) readiness.set(true);
    },
    (error) => log.error({ err: error }, "the set-up failed"),
  );

  return {
    address: { host, port },
    readiness,
    shutdown: shutdown.signal,
    async stop(deadlineMs = 5_000) {
      readiness.set(false);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Streams end with this; their clients call again, and get another replica.
      shutdown.abort(new ConnectError("this replica is ending, call again", Code.Unavailable));
      for (const session of sessions) session.close();
      const deadline = setTimeout(() => {
        // A session that is closing would wait for its peer even when destroyed.
        for (const socket of sockets) socket.destroy();
      }, deadlineMs);
      await closed;
      clearTimeout(deadline);
    },
  };
}

function createPages(options: ServerOptions, readiness: Readiness): Record<string, RequestHandler> {
  const { name, version = "v1", log } = options;
  const page =
    (make: () => Promise<{ type: string; body: string; status?: number }>): RequestHandler =>
    (_request, response) => {
      make().then(
        ({ type, body, status = 200 }) => {
          response.writeHead(status, { "content-type": type });
          response.end(body);
        },
        (error) => {
          log.warn({ err: error }, "a page failed");
          response.writeHead(503);
          response.end();
        },
      );
    };
  const json = (value: unknown, status = 200) => ({
    type: "application/json",
    body: `${JSON.stringify(value)}\n`,
    status,
  });
  return {
    "/healthz": page(async () => json(await reportHealth({ name, version }, options.probes))),
    "/readyz": page(async () => json({ ready: readiness.ready }, readiness.ready ? 200 : 503)),
    "/metrics": (request, response) => prometheus.getMetricsRequestHandler(request as never, response as never),
    ...Object.fromEntries(Object.entries(options.pages ?? {}).map(([path, make]) => [path, page(make)])),
  };
}
