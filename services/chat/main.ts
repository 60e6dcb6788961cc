import { join } from "node:path";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { createServiceClient } from "#kit/client.ts";
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
import { connectRedis } from "#kit/redis.ts";
import { startServer } from "#kit/serve.ts";
import { createChatService } from "./chat.ts";
import { loadConfig } from "./config.ts";
import { createEventHandlers } from "./events.ts";
import { createChatParts } from "./parts.ts";
import { loadSpamRules } from "./spam-rules.ts";
import { createSubscribeBytes } from "./subscribe-bytes.ts";

const name = "chat";
const config = loadConfig(process.env);
const spamRules = loadSpamRules(config.spamRulesFile);
const instance = config.instance ?? name;
const log = createLog(name, config.instance);
const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
// Nothing here needs Redis so much that a player should wait longer for it.
const redis = connectRedis(config.redisUrl, instance, log, 500);
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: instance, log });
const outbox = startOutbox(database, kafka.producer, log);
const accounts = createServiceClient(AccountService, "account", config.meshEgress);
const chat = createChatParts({
  database,
  redis,
  accounts,
  spamRules,
  instance,
  stored: outbox.wake,
  clock: () => new Date(),
  checkMs: config.checkMs,
  limits: config,
  log,
});
const handlers = createEventHandlers(chat);
consumeEvents({ ...gameEvents, kafka, group: name, database, handlers, log });

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [ChatService],
  routes: (router) => router.service(ChatService, createChatService(chat)),
  byteStreams: { [`/${ChatService.typeName}/SubscribeMessages`]: createSubscribeBytes(chat) },
  interceptors: [refuseEndedSessions(chat.sessions)],
  probes: {
    database: databaseProbe(database),
    redis: async () => void (await redis.ping()),
    kafka: kafka.ping,
    outbox: outboxProbe(database),
    dead_letter: deadLetterProbe(database),
  },
  started: chat.sessions.known,
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [kafka.stop, outbox.stop, chat.close, database.close], log);
