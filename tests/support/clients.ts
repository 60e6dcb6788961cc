import net from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

export const protocols = ["connect-json", "connect", "grpc", "grpc-web"] as const;
export type Protocol = (typeof protocols)[number];

export interface ClientOptions {
  protocol?: Protocol;
  /** The access token to send. */
  token?: string | undefined;
  /** The address to call from. The login limit counts by it. */
  from?: string | undefined;
  headers?: Record<string, string>;
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
  const { protocol = "connect", from } = options;
  const url = new URL(baseUrl);
  const send: Interceptor = (next) => (request) => {
    if (options.token) request.header.set("authorization", `Bearer ${options.token}`);
    for (const [name, value] of Object.entries(options.headers ?? {})) request.header.set(name, value);
    return next(request);
  };
  const common = {
    baseUrl,
    httpVersion: "2" as const,
    interceptors: [send],
    ...(from && {
      nodeOptions: {
        createConnection: () => net.connect({ host: url.hostname, port: Number(url.port), localAddress: from }),
      },
    }),
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
