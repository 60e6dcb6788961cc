/** For the tests of this service: instances in this process, on a real Postgres. */

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import { ZoneFeedService } from "#gen/game/world/v1/zone_feed_service_pb.ts";
import { processVariables } from "#kit/config.ts";
import { followEndedSessions } from "#kit/ended-sessions.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { type Server, startServer } from "#kit/serve.ts";
import { createHosting, type Hosting, type HostingOptions } from "./hosting.ts";
import { createPostgresLeases, type Leases } from "./leases.ts";
import { loadMaps } from "./maps.ts";
import { createPlayBytes } from "./play-bytes.ts";
import { createPresences } from "./presence.ts";
import { createPostgresWorldStore, type WorldStore } from "./store.ts";
import { createWorldService } from "./world.ts";
import { createZoneFeedService } from "./zone-feed.ts";

export const sampleZones = join(import.meta.dirname, "zones");

export interface Instance {
  hosting: Hosting;
  store: WorldStore;
  leases: Leases;
  database: Database;
  server: Server;
  stop(): Promise<void>;
  clientOf(player: Caller, headers?: Record<string, string>): Client<typeof WorldService>;
  feed: Client<typeof ZoneFeedService>;
}

export interface Caller {
  userId: string;
  username: string;
  sessionId: string;
  expires?: number;
}

/** Somebody new. */
export const player = (username = "ann"): Caller => ({ userId: randomUUID(), username, sessionId: randomUUID() });

/** Starts an instance for the length of a test. */
export async function startInstance(
  t: Pick<TestContext, "after">,
  databaseUrl: string,
  options: Partial<HostingOptions> & { instance?: string } = {},
): Promise<Instance> {
  const { instance = "world" } = options;
  const log = createLog("world");
  log.level = "silent";
  const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
  const database = openDatabase({ url: databaseUrl, name: "world", migrations, log });
  const outbox = startOutbox(database, { send: async () => undefined }, log);
  const store = createPostgresWorldStore(database, outbox.appendAll);
  const sessions = followEndedSessions(database, log);
  await sessions.known;
  const leaseMs = options.leaseMs ?? 4_000;
  const leases = createPostgresLeases(database.pool, instance, leaseMs);
  const clock = options.clock ?? Date.now;
  const hosting = createHosting({
    maps: loadMaps(sampleZones),
    leases,
    store,
    sessions,
    limits: { graceMs: 15_000, patienceMs: 10_000, maxPlayers: 100 },
    leaseMs,
    saveMs: 100,
    stored: () => undefined,
    clock,
    log,
    ...options,
  });
  const presences = createPresences({ hosting, store, sessions, instance, clock });
  const parts = { hosting, presences, clock };
  const server = await startServer({
    name: "world",
    listen: { ...processVariables.listen.default!, port: 0 },
    log,
    services: [WorldService, ZoneFeedService],
    routes: (router) => {
      router.service(WorldService, createWorldService(parts));
      router.service(ZoneFeedService, createZoneFeedService(parts));
    },
    byteStreams: { [`/${WorldService.typeName}/Play`]: createPlayBytes(presences) },
    probes: {},
    started: Promise.resolve(),
  });
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await server.stop(0);
    await hosting.close();
    await outbox.stop();
    await sessions.stop();
    await database.close();
  };
  const stopOnce = () => {
    stopped ??= stop();
    return stopped;
  };
  t.after(stopOnce);
  const transport = (headers: Record<string, string>) => {
    const send: Interceptor = (next) => (request) => {
      for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
      return next(request);
    };
    const { host, port } = server.address;
    const baseUrl = `http://${host}:${port}`;
    return createConnectTransport({ baseUrl, httpVersion: "2", interceptors: [send] });
  };
  return {
    ...{ hosting, store, leases, database, server, stop: stopOnce },
    feed: createClient(ZoneFeedService, transport({})),
    clientOf({ userId, username, sessionId, expires }, headers = {}) {
      const identity = { "x-user-id": userId, "x-user-name": username, "x-session-id": sessionId };
      const expiry = expires === undefined ? {} : { "x-session-expires": String(expires) };
      return createClient(WorldService, transport({ ...identity, ...expiry, ...headers }));
    },
  };
}
