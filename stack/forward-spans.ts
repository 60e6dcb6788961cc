import { once } from "node:events";
import { connect, createServer } from "node:net";
import { addresses } from "../mesh/local/topology.ts";
import type { External } from "./external.ts";

/** The port of OTLP over gRPC, which is all that Envoy speaks, on any collector. */
const grpcPort = 4317;

/**
 * Hands the Envoys' spans on to a collector of the person's own: the frozen configuration sends them to the stack's own address, the
 * services' spans go there by themselves.
 */
export async function forwardSpans({ otlpEndpoint }: External, network: number, signal: AbortSignal): Promise<void> {
  if (!otlpEndpoint) return;
  const { hostname } = new URL(otlpEndpoint);
  const server = createServer({ allowHalfOpen: true }, (incoming) => {
    const outgoing = connect({ port: grpcPort, host: hostname, allowHalfOpen: true });
    incoming.pipe(outgoing).pipe(incoming);
    const end = () => {
      incoming.destroy();
      outgoing.destroy();
    };
    for (const socket of [incoming, outgoing]) socket.on("error", end).on("close", end);
    signal.addEventListener("abort", end, { once: true });
  });
  signal.addEventListener("abort", () => server.close(), { once: true });
  server.listen(addresses(network).otlpGrpc);
  await once(server, "listening");
}
