import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { Fault, lineOf } from "./fault.ts";
import type { Secrets } from "./secrets.ts";

/** What another shell may ask the running stack. */
export interface Controlled {
  /** The processes, as `npm run status` shows them. */
  status(): unknown;
  /** What to know of the policy, in lines for people. */
  policy(): Promise<string[]>;
  restart(name: string): Promise<void>;
  stop(): void;
}

/**
 * Takes commands from other shells of the same user on an abstract Unix socket that belongs to `stateDir`. It is given back by the kernel when this process ends, so it
 * also says whether a stack runs there: throws when one does.
 */
export async function serveControl(stateDir: string, secrets: Secrets, controlled: Controlled): Promise<Server> {
  const token = Buffer.from(secrets.get("control"));
  const server = createServer((request, response) => {
    const given = Buffer.from(request.headers["x-control-token"]?.toString() ?? "");
    const known = given.length === token.length && timingSafeEqual(given, token);
    const answer = known ? handle(request, controlled) : Promise.reject(new Fault("the control token is wrong"));
    answer.then(
      (body) => response.end(JSON.stringify(body ?? {})),
      (error) => response.writeHead(400).end(JSON.stringify({ error: lineOf(error) })),
    );
  });
  server.listen(socketOf(stateDir));
  await once(server, "listening");
  server.unref();
  return server;
}

async function handle(request: IncomingMessage, controlled: Controlled): Promise<unknown> {
  const [, command, name] = (request.url ?? "").split("/");
  if (command === "status") return controlled.status();
  if (command === "policy") return controlled.policy();
  if (command === "stop") return controlled.stop();
  if (command === "restart" && name) return controlled.restart(decodeURIComponent(name));
  throw new Fault(`unknown command ${request.url}`);
}

/** Sends one command to the stack that runs in `stateDir`. Throws a Fault with its answer when it refuses. */
export async function sendControl<T>(stateDir: string, secrets: Secrets, command: string): Promise<T> {
  const sent = request({
    socketPath: socketOf(stateDir),
    path: `/${command}`,
    method: "POST",
    agent: false,
    headers: { "x-control-token": secrets.get("control") },
  });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const body = JSON.parse(await text(response));
  if (response.statusCode !== 200) throw new Fault(body.error);
  return body;
}

const socketOf = (stateDir: string) =>
  `\0game-mesh-control-${createHash("sha256").update(resolve(stateDir)).digest("hex").slice(0, 32)}`;
