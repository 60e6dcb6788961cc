import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { addresses } from "./topology.ts";

/** A loopback network that nobody else uses until it is released. */
export interface ClaimedNetwork {
  network: number;
  release(): Promise<void>;
}

/** Claims `network`: holds its claim port. Gives undefined when someone else does. */
export async function claimNetwork(network: number): Promise<ClaimedNetwork | undefined> {
  const { host, port } = addresses(network).claim;
  const server = createServer((socket) => socket.destroy());
  server.listen({ host, port, exclusive: true });
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
  server.unref();
  return { network, release: () => close(server) };
}

/** Claims any free network of 1 to 250, for a stack that runs beside others. */
export async function claimFreeNetwork(): Promise<ClaimedNetwork> {
  const start = Math.floor(Math.random() * 250);
  for (let i = 0; i < 250; i++) {
    const claimed = await claimNetwork(1 + ((start + i) % 250));
    if (claimed) return claimed;
  }
  throw new Error("no free loopback network: 250 stacks run on this machine");
}

const close = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));
