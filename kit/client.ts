import net from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Address } from "./config.ts";
import { traceClientCalls } from "./rpc-tracing.ts";

/** Long enough for a slow answer, short enough for the player who waits. */
const timeoutMs = 2_000;

/**
 * A client of another service, through this process's sidecar. Retries, limits and mutual TLS are the mesh's.
 *
 * @param name the other service's name, `account`.
 * @param egress the sidecar's address for calls out; absent where the mesh redirects them by itself.
 */
export function createServiceClient<T extends DescService>(service: T, name: string, egress?: Address): Client<T> {
  return createClient(
    service,
    createConnectTransport({
      baseUrl: `http://${name}.game.svc.cluster.local:8080`,
      httpVersion: "2",
      useBinaryFormat: true,
      defaultTimeoutMs: timeoutMs,
      interceptors: [traceClientCalls],
      ...(egress && { nodeOptions: { createConnection: () => net.connect(egress.port, egress.host) } }),
    }),
  );
}
