import { join } from "node:path";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { GoldLedgerService } from "#gen/game/account/v1/gold_ledger_service_pb.ts";
import { createDeletedPlayers } from "#kit/deleted-players.ts";
import { followEndedSessions } from "#kit/ended-sessions.ts";
import { deadLetterProbe } from "#kit/event-probes.ts";
import { gameEvents } from "#kit/events.ts";
import { databaseProbe } from "#kit/health.ts";
import { consumeEvents } from "#kit/inbox.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { runUntilSignal } from "#kit/process.ts";
import { startServer } from "#kit/serve.ts";
import { createAccountService } from "./account.ts";
import { loadConfig } from "./config.ts";
import { createEventHandlers } from "./events.ts";
import { createGold } from "./gold.ts";
import { createGoldLedgerService } from "./gold-ledger.ts";
import { createPostgresGoldStore } from "./gold-store.ts";
import { createPostgresProfileStore } from "./store.ts";

const name = "account";
const config = loadConfig(process.env);
const log = createLog(name, config.instance);
const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: config.instance ?? name, log });
const store = createPostgresProfileStore(database.pool);
const wallets = createPostgresGoldStore(database.pool, config.startingGold);
const deleted = createDeletedPlayers(database.pool);
const gold = createGold({ database, store: wallets, deleted });
const sessions = followEndedSessions(database, log);
const handlers = createEventHandlers(store, wallets, deleted);
consumeEvents({ ...gameEvents, kafka, group: name, database, handlers, log });

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [AccountService, GoldLedgerService],
  routes: (router) =>
    router
      .service(AccountService, createAccountService({ store, gold, statement: wallets }))
      .service(GoldLedgerService, createGoldLedgerService(gold)),
  interceptors: [refuseEndedSessions(sessions)],
  probes: { database: databaseProbe(database), kafka: kafka.ping, dead_letter: deadLetterProbe(database) },
  started: sessions.known,
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [kafka.stop, sessions.stop, database.close], log);
