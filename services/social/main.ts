import { join } from "node:path";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { SocialService } from "#gen/game/social/v1/social_service_pb.ts";
import { TradeLedgerService } from "#gen/game/social/v1/trade_ledger_service_pb.ts";
import { createServiceClient } from "#kit/client.ts";
import { endSession, followEndedSessions } from "#kit/ended-sessions.ts";
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
import { connectTemporal } from "#kit/temporal.ts";
import { loadConfig } from "./config.ts";
import { createSocialService } from "./social.ts";
import { createPostgresTradeStore } from "./store.ts";
import { createTradeLedgerService } from "./trade-ledger.ts";
import { createTemporalTrades } from "./trades.ts";

const name = "social";
const config = loadConfig(process.env);
const instance = config.instance ?? name;
const log = createLog(name, config.instance);
const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: instance, log });
const temporal = connectTemporal({ address: config.temporalAddress, identity: instance });
const accounts = createServiceClient(AccountService, "account", config.meshEgress);
const store = createPostgresTradeStore(database);
const trades = createTemporalTrades(temporal);
const sessions = followEndedSessions(database, log);
const handlers = { session_ended: endSession };
consumeEvents({ ...gameEvents, kafka, group: name, database, handlers, log });

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [SocialService, TradeLedgerService],
  routes: (router) =>
    router
      .service(SocialService, createSocialService({ store, trades, accounts, clock: () => new Date() }))
      .service(TradeLedgerService, createTradeLedgerService(store)),
  interceptors: [refuseEndedSessions(sessions)],
  probes: {
    database: databaseProbe(database),
    kafka: kafka.ping,
    temporal: temporal.ping,
    dead_letter: deadLetterProbe(database),
  },
  started: sessions.known,
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [kafka.stop, temporal.close, sessions.stop, database.close], log);
