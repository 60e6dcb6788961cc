import { connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** Stands between Kafka and its clients. */
export interface LosingProxy {
  /** Where clients begin instead; they are sent back here by all that the broker says of itself. */
  brokers: string;
  /** As a broker that dies between taking a batch and acknowledging it: its answers to produce requests are lost, with the connection. */
  loseAcknowledgements: boolean;
}

const produce = 0;

/** Starts a proxy before the broker at `brokers`. */
export async function startLosingProxy(t: TestContext, brokers: string): Promise<LosingProxy> {
  const [host, port] = brokers.split(":") as [string, string];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const broker = connect({ host, port: Number(port) });
    let losing = false;
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => other.destroy());
    }
    client.on("data", (data) => {
      // length, then the key of the API
      if (proxy.loseAcknowledgements && data.readInt16BE(4) === produce) losing = true;
      broker.write(data);
    });
    broker.on("data", (data) => {
      if (losing) client.destroy();
      else client.write(redirect(data));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address() as { port: number };
  const [from, to] = [Number(port), address.port].map((number) => {
    const bytes = Buffer.alloc(host.length + 4);
    bytes.write(host);
    bytes.writeInt32BE(number, host.length);
    return bytes;
  }) as [Buffer, Buffer];

  function redirect(data: Buffer): Buffer {
    for (let at = data.indexOf(from); at >= 0; at = data.indexOf(from, at)) to.copy(data, at);
    return data;
  }

  const proxy: LosingProxy = { brokers: `${host}:${address.port}`, loseAcknowledgements: false };
  return proxy;
}
