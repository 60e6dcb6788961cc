/**
 * A load generator, run as a process of its own: keeps `inFlight` calls going for `seconds`, then prints what came back as JSON.
 * It reads what to do, a Load as JSON, from standard input.
 */
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";

export interface Load {
  /** `http1` with a connection a call in flight, or `http2` with two connections. */
  kind: "http1" | "http2";
  url: string;
  path: string;
  body: string;
  /** One set is taken after the other. */
  headers: readonly Record<string, string>[];
  inFlight: number;
  seconds: number;
}

export interface Outcome {
  calls: number;
  seconds: number;
  /** Calls by status. */
  statuses: Record<string, number>;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

type Call = (headers: Record<string, string>) => Promise<number>;

function http1Caller({ url, path, body, inFlight }: Load): { call: Call; close(): void } {
  const agent = new http.Agent({ keepAlive: true, maxSockets: inFlight });
  const call: Call = (headers) =>
    new Promise((resolve, reject) => {
      const request = http.request(url + path, { agent, method: "POST", headers });
      request.on("error", reject);
      request.on("response", (response) => response.resume().on("end", () => resolve(response.statusCode ?? 0)));
      request.end(body);
    });
  return { call, close: () => agent.destroy() };
}

function http2Caller({ url, path, body }: Load): { call: Call; close(): void } {
  const sessions = [http2.connect(url), http2.connect(url)];
  let turn = 0;
  const call: Call = (headers) =>
    new Promise((resolve, reject) => {
      const session = sessions[turn++ % sessions.length]!;
      const stream = session.request({ ":method": "POST", ":path": path, ...headers });
      let status = 0;
      stream.on("response", (answer) => {
        status = Number(answer[":status"]);
      });
      stream.on("error", reject);
      stream.resume().on("end", () => resolve(status));
      stream.end(body);
    });
  return {
    call,
    close() {
      for (const session of sessions) session.close();
    },
  };
}

async function generate(load: Load): Promise<Outcome> {
  const caller = load.kind === "http1" ? http1Caller(load) : http2Caller(load);
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + load.seconds * 1_000;
  let turn = 0;
  const worker = async () => {
    while (performance.now() < end) {
      const begin = performance.now();
      const status = await caller.call(load.headers[turn++ % load.headers.length]!).catch(() => 0);
      latencies.push(performance.now() - begin);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: load.inFlight }, worker));
  const seconds = (performance.now() - start) / 1_000;
  caller.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { calls: latencies.length, seconds, statuses, p50: at(0.5), p99: at(0.99) };
}

if (import.meta.main) console.log(JSON.stringify(await generate(JSON.parse(readFileSync(0, "utf8")))));
