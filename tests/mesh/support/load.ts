import type { ClientHttp2Session } from "node:http2";
import { open } from "../../../mesh/cases/call.ts";
import type { Address } from "../../../mesh/local/topology.ts";

/** A call of the load: what is sent, and which workloads may answer. */
export interface LoadCall {
  path: string;
  headers: Record<string, string>;
  upstreams: readonly string[];
}

/** A steady load, and all that went wrong in it so far. */
export interface Load {
  /** How many calls were answered. */
  readonly answered: number;
  /** One line for each call that failed or was answered by the wrong workload. */
  readonly wrong: string[];
  /** Ends it, once every call in flight is answered. */
  stop(): Promise<void>;
}

/** Makes each of `calls` `perSecond` times a second, each on a connection of its own that is kept as a game client keeps it. */
export function startLoad(edge: Address, calls: readonly LoadCall[], perSecond: number): Load {
  const wrong: string[] = [];
  let answered = 0;
  const inFlight = new Set<Promise<void>>();
  const clients = calls.map((call) => {
    let session: Promise<ClientHttp2Session> | undefined;
    const connection = async () => {
      const current = await session;
      // an edge whose listener has changed asks its clients to come again
      if (!current || current.closed || current.destroyed) session = open({ to: edge });
      return (await session)!;
    };
    const send = async () => {
      try {
        return await request(await connection(), call);
      } catch (error) {
        // sent before the edge's farewell was read: it was not looked at, and any HTTP/2 client sends it again
        if (!String(error).includes("NGHTTP2_REFUSED_STREAM")) throw error;
        return await request(await connection(), call);
      }
    };
    const once = async () => {
      try {
        const { status, body } = await send();
        const upstream = status === 200 ? JSON.parse(body).upstream : undefined;
        if (!call.upstreams.includes(upstream))
          wrong.push(`${call.path}: ${status} by ${upstream} ${body.slice(0, 200)}`);
        answered += 1;
      } catch (error) {
        wrong.push(`${call.path}: ${error}`);
      }
    };
    const ticker = setInterval(() => {
      const running = once().finally(() => inFlight.delete(running));
      inFlight.add(running);
    }, 1000 / perSecond);
    return { end: () => clearInterval(ticker), close: async () => (await session)?.destroy() };
  });
  return {
    get answered() {
      return answered;
    },
    wrong,
    async stop() {
      for (const client of clients) client.end();
      await Promise.all(inFlight);
      for (const client of clients) await client.close();
    },
  };
}

function request(session: ClientHttp2Session, { path, headers }: LoadCall): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/json",
      ...headers,
    });
    let status = 0;
    let body = "";
    stream.setEncoding("utf8");
    stream.on("response", (received) => {
      status = Number(received[":status"]);
    });
    stream.on("data", (text) => {
      body += text;
    });
    stream.on("error", reject);
    stream.on("close", () => (status ? resolve({ status, body }) : reject(new Error("no answer"))));
    stream.end("{}");
  });
}
