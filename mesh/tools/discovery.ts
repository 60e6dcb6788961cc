import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { type FSWatcher, watch } from "node:fs";
import { chmod, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Http2ServerRequest, type Http2ServerResponse, type Http2Session } from "node:http2";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { workloads } from "../local/topology.ts";
import { discoverySocket, nodeId } from "./bootstrap.ts";
import { envoyDir } from "./render.ts";

/** What Envoy says when it asks, in the JSON of its REST discovery. */
interface DiscoveryRequest {
  node: { id: string };
  type_url: string;
  resource_names?: string[];
  /** What it runs on; absent until it has taken something. */
  version_info?: string;
}

/** The files of each kind of resource, by the first letters of their names. */
const kinds: Record<string, string> = { listeners: "lds", clusters: "cds", routes: "rds", secrets: "sds" };

/** An answer waits for so long, at most, for something new: shorter than `request_timeout` of the bootstrap. */
const holdMs = 40_000;

/** What Envoy has refused is not given to it again so soon. */
const refusedMs = 1_000;

/** What was given to an Envoy that has not said yet that it runs on it. */
interface Given {
  version: string;
  at: number;
}

/**
 * Gives each Envoy of a stack what stands in its working directory, at `stateDir`/mesh/discovery.sock, and each change as soon as it is
 * laid. Envoy can watch files by itself, but takes an inotify instance for each of them, and Linux gives a user 128 in all
 * (docs/decisions/0005): here one watches for all. Nobody but the owner of the stack can ask, as secrets are answered too.
 */
export async function startDiscovery(stateDir: string): Promise<AsyncDisposable> {
  const changes = new EventEmitter().setMaxListeners(0);
  const counts = new Map<string, number>();
  const changesOf = (workload: string) => counts.get(workload) ?? 0;
  const given = new WeakMap<Http2Session, Map<string, Given>>();

  async function answer(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const kind = kinds[request.url.replace("/v3/discovery:", "")];
    const asked = JSON.parse(await text(request)) as DiscoveryRequest;
    const workload = workloads.find((one) => nodeId(one) === asked.node.id);
    const { session } = request.stream;
    if (!kind || !workload || !session) return void response.writeHead(404).end();
    const names = asked.resource_names ?? [];
    const key = `${kind} ${names.join()}`;
    const unanswered = given.get(session) ?? new Map<string, Given>();
    given.set(session, unanswered);
    if (unanswered.get(key)?.version === asked.version_info) unanswered.delete(key);
    const deadline = Date.now() + holdMs;
    while (!response.stream.destroyed) {
      const seen = changesOf(workload.name);
      const resources = await readResources(envoyDir(stateDir, workload.name), kind, names);
      const version = createHash("sha256").update(JSON.stringify(resources)).digest("hex").slice(0, 16);
      const last = unanswered.get(key);
      const wait = last?.version === version ? last.at + refusedMs - Date.now() : 0;
      if (resources.length > 0 && version !== asked.version_info && wait <= 0) {
        unanswered.set(key, { version, at: Date.now() });
        response.writeHead(200, { "content-type": "application/json" });
        return void response.end(JSON.stringify({ version_info: version, type_url: asked.type_url, resources }));
      }
      const left = deadline - Date.now();
      if (left <= 0) return void response.writeHead(304).end();
      await changed(workload.name, seen, response, wait > 0 ? Math.min(wait, left) : left);
    }
  }

  /** Resolves when something of the workload has changed since `seen`, its Envoy has given up, or the time is over. */
  function changed(workload: string, seen: number, response: Http2ServerResponse, milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    changes.once(workload, resolve);
    response.once("close", resolve);
    if (changesOf(workload) !== seen) resolve();
    return promise.finally(() => {
      clearTimeout(timer);
      changes.off(workload, resolve);
      response.off("close", resolve);
    });
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.stream.destroy());
  });
  const sessions = new Set<Http2Session>();
  server.on("session", (session) => sessions.add(session.once("close", () => sessions.delete(session))));
  server.on("sessionError", () => {}); // an Envoy that is killed
  await listen(server, join(stateDir, "mesh", discoverySocket));
  const unwatch = workloads.map(({ name }) =>
    onChange(envoyDir(stateDir, name), () => {
      counts.set(name, changesOf(name) + 1);
      changes.emit(name);
    }),
  );
  return {
    async [Symbol.asyncDispose]() {
      for (const end of unwatch) end();
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a resource of Envoy's
type Resource = any;

async function readResources(dir: string, kind: string, names: string[]): Promise<Resource[]> {
  const files = (await readdir(dir).catch(() => [])).filter((file) => file.startsWith(kind) && file.endsWith(".json"));
  const read = files.sort().map(async (file) => JSON.parse(await readFile(join(dir, file), "utf8")).resources);
  const all: Resource[] = (await Promise.all(read)).flat();
  const asked = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
  if (kind === "sds") for (const secret of asked) await fillIn(secret, dir);
  return asked;
}

/** Puts in the place of each file name what the file says: Envoy would watch it. */
async function fillIn(node: Resource, dir: string): Promise<void> {
  if (node === null || typeof node !== "object") return;
  if (typeof node.filename === "string") {
    node.inline_string = await readFile(join(dir, node.filename), "utf8");
    delete node.filename;
  }
  for (const part of Object.values(node)) await fillIn(part, dir);
}

/** A socket's path has at most 107 characters, and a folder may have more: it is named by a descriptor. */
async function listen(server: ReturnType<typeof createServer>, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  const folder = await open(dirname(path));
  try {
    server.listen(`/proc/self/fd/${folder.fd}/${discoverySocket}`);
    await once(server, "listening");
    await chmod(path, 0o600);
  } finally {
    await folder.close();
  }
}

/** A pair of certificate and key is laid as two files. */
const quietMs = 10;

/** Calls `tell` soon after something in the working directory of an Envoy has changed. Returns what ends it. */
function onChange(dir: string, tell: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let looking: NodeJS.Timeout | undefined;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(tell, quietMs);
  };
  const watchers: FSWatcher[] = [];
  try {
    for (const folder of [dir, join(dir, "certs"), join(dir, "certs/edge-tls")])
      watchers.push(watch(folder, soon).on("error", () => {}));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // other programs have used up what Linux gives: then by looking
    if (code === "EMFILE" || code === "ENOSPC") looking = setInterval(tell, 500).unref();
    else if (code !== "ENOENT") throw error;
  }
  return () => {
    clearTimeout(timer);
    clearInterval(looking);
    for (const watcher of watchers) watcher.close();
  };
}
