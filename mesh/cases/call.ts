import { once } from "node:events";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTcp } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Address } from "../local/topology.ts";
import type { Received } from "./echo.ts";

/** A call as a client makes it. */
export interface Call {
  to: Address;
  path: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** The address that the client calls from. */
  from?: string;
  /** The host that the call names, when it is not the address. */
  authority?: string;
  /** TLS, with these options; otherwise in clear. */
  tls?: ConnectionOptions;
}

/** What the client got. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  trailers: IncomingHttpHeaders;
  body: Buffer;
  /** The body as JSON; throws when it is none. */
  json(): { code?: string; message?: string } & Partial<Received>;
}

/** Opens an HTTP/2 connection (in clear with prior knowledge, or by TLS). The caller closes it. */
export async function open({ to, tls, from, authority }: Pick<Call, "to" | "tls" | "from" | "authority">) {
  const target = { ...to, ...(from ? { localAddress: from } : {}) };
  const socket = tls ? connectTls({ ALPNProtocols: ["h2"], ...tls, ...target }) : connectTcp(target);
  await once(socket, tls ? "secureConnect" : "connect");
  socket.on("error", () => {}); // from here on the streams tell
  const session = connectHttp2(`http${tls ? "s" : ""}://${authority ?? `${to.host}:${to.port}`}`, {
    createConnection: () => socket,
  });
  session.on("error", () => {});
  return session;
}

/** Makes one call on a connection of its own. */
export async function call(request: Call): Promise<Answer> {
  const session = await open(request);
  try {
    const { path, method = "POST", headers = {}, body } = request;
    const stream = session.request({ ":path": path, ":method": method, ...headers }, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    let trailers: IncomingHttpHeaders = {};
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("trailers", (received) => {
      trailers = received;
    });
    const answered = once(stream, "response");
    const ended = once(stream, "end");
    if (body !== undefined) stream.end(body);
    const [[received]] = (await Promise.all([answered, ended])) as [
      [IncomingHttpHeaders & { ":status": number }],
      unknown,
    ];
    const content = Buffer.concat(chunks);
    return {
      status: received[":status"],
      headers: received,
      trailers,
      body: content,
      json: () => JSON.parse(content.toString()),
    };
  } finally {
    session.destroy();
  }
}
