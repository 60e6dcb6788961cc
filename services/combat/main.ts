import { join } from "node:path";
import { CombatService } from "#gen/game/combat/v1/combat_service_pb.ts";
import { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import { ZoneFeedService } from "#gen/game/world/v1/zone_feed_service_pb.ts";
import { createServiceClient } from "#kit/client.ts";
import { endSession, followEndedSessions } from "#kit/ended-sessions.ts";
import { deadLetterProbe, outboxProbe } from "#kit/event-probes.ts";
import { gameEvents } from "#kit/events.ts";
import { databaseProbe } from "#kit/health.ts";
import { consumeEvents } from "#kit/inbox.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { runUntilSignal } from "#kit/process.ts";
import { startServer } from "#kit/serve.ts";
import { createCombatService } from "./combat.ts";
import { loadConfig } from "./config.ts";
import { startCombat } from "./parts.ts";
import { createPostgresCombatStore } from "./store.ts";
import { createWorldLink } from "./world-link.ts";

const name = "combat";
const config = loadConfig(process.env);
const instance = config.instance ?? name;
const log = createLog(name, config.instance);
const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: instance, log });
const outbox = startOutbox(database, kafka.producer, log);
const sessions = followEndedSessions(database, log);
const combat = startCombat({
  sessions,
  store: createPostgresCombatStore(database),
  world: createWorldLink(
    createServiceClient(WorldService, "world", config.meshEgress),
    createServiceClient(ZoneFeedService, "world", config.meshEgress),
  ),
  migrated: database.migrated,
  stored: outbox.wake,
  limits: config,
  log,
});
const handlers = { session_ended: endSession };
consumeEvents({ ...gameEvents, kafka, group: name, database, handlers, log });

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [CombatService],
  routes: (router) => router.service(CombatService, createCombatService(combat)),
  interceptors: [refuseEndedSessions(sessions)],
  probes: {
    database: databaseProbe(database),
    kafka: kafka.ping,
    outbox: outboxProbe(database),
    dead_letter: deadLetterProbe(database),
    ...combat.probes,
  },
  started: Promise.all([combat.started, sessions.known]),
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [kafka.stop, combat.stop, outbox.stop, sessions.stop, database.close], log);
