import net from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";

export const protocols = ["connect-json", "connect", "grpc", "grpc-web"] as const;
export type Protocol = (typeof protocols)[number];

export interface ClientOptions {
  protocol?: Protocol;
  /** The access token to send. */
  token?: string | undefined;
  /** The address to call from. The login limit counts by it. */
  from?: string | undefined;
  headers?: Record<string, string>;
  /** A connection to share; without it each transport has one of its own. */
  connection?: Http2SessionManager | undefined;
}

/** A connection to the edge at `baseUrl`, from the address `from` if given. */
export function openConnection(baseUrl: string, from?: string): Http2SessionManager {
  return new Http2SessionManager(
    baseUrl,
    undefined,
    from ? { createConnection: () => dial(baseUrl, from) } : undefined,
  );
}

function dial(baseUrl: string, from: string): net.Socket {
  const { hostname, port } = new URL(baseUrl);
  return net.connect({ host: hostname, port: Number(port), localAddress: from });
}

/** A client as a game would have one, for the edge at `baseUrl` (`http://127.0.0.1:8080`), over HTTP/2 without TLS. */
export function createEdgeClient<T extends DescService>(
  service: T,
  baseUrl: string,
  options: ClientOptions = {},
): Client<T> {
  return createClient(service, createEdgeTransport(baseUrl, options));
}

/** The transport of {@link createEdgeClient}: one connection that several clients may share. */
export function createEdgeTransport(baseUrl: string, options: ClientOptions = {}): Transport {
  const { protocol = "connect", from, connection } = options;
  const send: Interceptor = (next) => (request) => {
    if (options.token) request.header.set("authorization", `Bearer ${options.token}`);
    for (const [name, value] of Object.entries(options.headers ?? {})) request.header.set(name, value);
    return next(request);
  };
  const common = {
    baseUrl,
    httpVersion: "2" as const,
    interceptors: [send],
    ...(connection
      ? { sessionManager: connection }
      : from && { nodeOptions: { createConnection: () => dial(baseUrl, from) } }),
  };
  switch (protocol) {
    case "grpc":
      return createGrpcTransport(common);
    case "grpc-web":
      return createGrpcWebTransport(common);
    default:
      return createConnectTransport({ ...common, useBinaryFormat: protocol === "connect" });
  }
}
