import { join } from "node:path";
import { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import { ZoneFeedService } from "#gen/game/world/v1/zone_feed_service_pb.ts";
import { endSession, followEndedSessions } from "#kit/ended-sessions.ts";
import { deadLetterProbe, outboxProbe } from "#kit/event-probes.ts";
import { gameEvents } from "#kit/events.ts";
import { databaseProbe } from "#kit/health.ts";
import { consumeEvents } from "#kit/inbox.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { runUntilSignal } from "#kit/process.ts";
import { startServer } from "#kit/serve.ts";
import { loadConfig } from "./config.ts";
import { createHosting, ownershipProbe } from "./hosting.ts";
import { createPostgresLeases } from "./leases.ts";
import { loadMaps } from "./maps.ts";
import { observeWorld } from "./metrics.ts";
import { createPlayBytes } from "./play-bytes.ts";
import { createPresences } from "./presence.ts";
import { createPostgresWorldStore } from "./store.ts";
import { createWorldService } from "./world.ts";
import { createZoneFeedService } from "./zone-feed.ts";

const name = "world";
const config = loadConfig(process.env);
const maps = loadMaps(config.zonesFolder);
const instance = config.instance ?? name;
const log = createLog(name, config.instance);
const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: instance, log });
const outbox = startOutbox(database, kafka.producer, log);
const store = createPostgresWorldStore(database, outbox.appendAll);
const sessions = followEndedSessions(database, log);
const clock = Date.now;
const hosting = createHosting({
  maps,
  store,
  sessions,
  leases: createPostgresLeases(database.pool, instance, config.leaseMs),
  limits: {
    graceMs: 1_000 * config.graceSeconds,
    patienceMs: 1_000 * config.patienceSeconds,
    maxPlayers: config.maxPlayers,
  },
  leaseMs: config.leaseMs,
  saveMs: config.saveMs,
  stored: outbox.wake,
  clock,
  log,
});
observeWorld(hosting.counts);
const handlers = { session_ended: endSession };
consumeEvents({ ...gameEvents, kafka, group: name, database, handlers, log });

const presences = createPresences({ hosting, store, sessions, instance, clock });
const parts = { hosting, presences, clock };
const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [WorldService, ZoneFeedService],
  routes: (router) => {
    router.service(WorldService, createWorldService(parts));
    router.service(ZoneFeedService, createZoneFeedService(parts));
  },
  byteStreams: { [`/${WorldService.typeName}/Play`]: createPlayBytes(presences) },
  probes: {
    database: databaseProbe(database),
    zones: ownershipProbe(hosting, config.leaseMs),
    kafka: kafka.ping,
    outbox: outboxProbe(database),
    dead_letter: deadLetterProbe(database),
  },
  started: sessions.known,
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [hosting.close, kafka.stop, outbox.stop, sessions.stop, database.close], log);
