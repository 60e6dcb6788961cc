import { join } from "node:path";
import { InventoryService } from "#gen/game/inventory/v1/inventory_service_pb.ts";
import { ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import { createDeletedPlayers } from "#kit/deleted-players.ts";
import { followEndedSessions } from "#kit/ended-sessions.ts";
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
import { connectTemporal } from "#kit/temporal.ts";
import { loadCatalogue } from "./catalogue.ts";
import { loadConfig } from "./config.ts";
import { createEventHandlers } from "./events.ts";
import { createInventoryService } from "./inventory.ts";
import { createItemLedgerService } from "./item-ledger.ts";
import { createItems } from "./items.ts";
import { createTemporalPurchases } from "./purchases.ts";
import { createPostgresBagStore } from "./store.ts";

const name = "inventory";
const config = loadConfig(process.env);
const catalogue = loadCatalogue(config.catalogueFile);
const { capacity } = config;
const log = createLog(name, config.instance);
const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: config.instance ?? name, log });
const outbox = startOutbox(database, kafka.producer, log);
const temporal = connectTemporal({ address: config.temporalAddress, identity: config.instance ?? name });
const store = createPostgresBagStore(database.pool);
const deleted = createDeletedPlayers(database.pool);
const items = createItems({ database, store, deleted, catalogue, outbox, capacity, log });
const purchases = createTemporalPurchases(temporal);
const sessions = followEndedSessions(database, log);
const handlers = createEventHandlers(items, deleted);
consumeEvents({ ...gameEvents, kafka, group: name, database, handlers, log });

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [InventoryService, ItemLedgerService],
  routes: (router) =>
    router
      .service(InventoryService, createInventoryService({ store, catalogue, purchases, capacity }))
      .service(ItemLedgerService, createItemLedgerService(items)),
  interceptors: [refuseEndedSessions(sessions)],
  probes: {
    database: databaseProbe(database),
    kafka: kafka.ping,
    temporal: temporal.ping,
    outbox: outboxProbe(database),
    dead_letter: deadLetterProbe(database),
  },
  started: sessions.known,
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [kafka.stop, outbox.stop, temporal.close, sessions.stop, database.close], log);
