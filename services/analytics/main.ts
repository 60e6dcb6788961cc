import { join } from "node:path";
import { AnalyticsService } from "#gen/game/analytics/v1/analytics_service_pb.ts";
import { PurchaseLedgerService } from "#gen/game/analytics/v1/purchase_ledger_service_pb.ts";
import { followEndedSessions } from "#kit/ended-sessions.ts";
import { deadLetterProbe, outboxProbe } from "#kit/event-probes.ts";
import { databaseProbe } from "#kit/health.ts";
import { consumeEvents } from "#kit/inbox.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { runUntilSignal } from "#kit/process.ts";
import { startServer } from "#kit/serve.ts";
import { createAnalyticsService } from "./analytics.ts";
import { createPostgresBookStore } from "./book-store.ts";
import { createBooks } from "./books.ts";
import { loadConfig } from "./config.ts";
import { createPostgresEventStore, receiveEvent } from "./event-store.ts";
import { createEventHandlers } from "./events.ts";
import { startPruning } from "./pruning.ts";
import { createPurchaseLedgerService } from "./purchase-ledger.ts";
import { sagaTypes } from "./saga.ts";
import { createSagaMetrics } from "./saga-metrics.ts";
import { createSagaMonitor } from "./saga-monitor.ts";
import { createPostgresSagaStore } from "./saga-store.ts";

const name = "analytics";
const config = loadConfig(process.env);
const log = createLog(name, config.instance);
const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: config.instance ?? name, log });
const outbox = startOutbox(database, kafka.producer, log);
const books = createPostgresBookStore(database.pool);
const sagas = createPostgresSagaStore(database.pool);
const events = createPostgresEventStore(database.pool);
const sessions = followEndedSessions(database, log);
const monitor = createSagaMonitor({ database, store: sagas, outbox, metrics: createSagaMetrics(sagas, sagaTypes) });
const pruning = startPruning(events, { keepDays: config.eventDays, clock: () => new Date(), log });
consumeEvents({
  kafka,
  group: name,
  topics: ["game-events", "chat-events", "saga-events", "analytics-events"],
  database,
  parse: receiveEvent,
  ...createEventHandlers(events),
  log,
});

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [AnalyticsService, PurchaseLedgerService],
  routes: (router) =>
    router
      .service(AnalyticsService, createAnalyticsService({ books, sagas }))
      .service(PurchaseLedgerService, createPurchaseLedgerService(createBooks({ database, store: books }), monitor)),
  interceptors: [refuseEndedSessions(sessions)],
  probes: {
    database: databaseProbe(database),
    kafka: kafka.ping,
    outbox: outboxProbe(database),
    dead_letter: deadLetterProbe(database),
  },
  started: sessions.known,
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [kafka.stop, outbox.stop, pruning.stop, sessions.stop, database.close], log);
