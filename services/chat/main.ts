import { join } from "node:path";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { createServiceClient } from "#kit/client.ts";
import { parseEvent } from "#kit/events.ts";
import { databaseProbe } from "#kit/health.ts";
import { consumeEvents } from "#kit/inbox.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { runUntilSignal } from "#kit/process.ts";
import { connectRedis, connectSubscriber } from "#kit/redis.ts";
import { startServer } from "#kit/serve.ts";
import { createChatService } from "./chat.ts";
import { loadConfig } from "./config.ts";
import { createEventHandlers } from "./events.ts";
import { createFanout } from "./fanout.ts";
import { createPostgresPartyStore } from "./party-store.ts";
import { createPlayers } from "./players.ts";
import { createPost } from "./post.ts";
import { createMemoryRecentMessages, createRedisRecentMessages, withFallback } from "./recent-messages.ts";
import { createSessions } from "./sessions.ts";
import { createSpamGuard } from "./spam-guard.ts";
import { loadSpamRules } from "./spam-rules.ts";
import { createPostgresChatStore } from "./store.ts";

const name = "chat";
const config = loadConfig(process.env);
const instance = config.instance ?? name;
const clock = () => new Date();
const log = createLog(name, config.instance);

const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
// Nothing here needs Redis so much that a player should wait longer for it.
const redis = connectRedis(config.redisUrl, instance, log, 500);
const subscriber = connectSubscriber(redis);
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: instance, log });
const outbox = startOutbox(database, kafka.producer, log);

const store = createPostgresChatStore(database.pool);
const parties = createPostgresPartyStore(database);
const sessions = createSessions({ redis, subscriber, clock, log });
const fanout = createFanout({ store, redis, subscriber, origin: instance, checkMs: config.checkMs, log });
const post = createPost({ store, fanout, stored: outbox.wake });
const players = createPlayers(createServiceClient(AccountService, "account", config.meshEgress));
const recent = withFallback(createRedisRecentMessages(redis), createMemoryRecentMessages());
const spamGuard = createSpamGuard({ rules: loadSpamRules(config.spamRulesFile), recent, clock, log });
const handlers = createEventHandlers(parties, sessions);
consumeEvents({ kafka, group: name, topics: ["game-events"], database, parse: parseEvent, handlers, log });

const { maxPartySize, inviteSeconds, heartbeatSeconds } = config;
const limits = { maxPartySize, inviteSeconds, heartbeatMs: 1_000 * heartbeatSeconds };
const parts = { store, parties, post, fanout, sessions, players, spamGuard, clock, ...limits };
const server = await startServer({
  name,
  log,
  listen: config.listen,
  services: [ChatService],
  routes: (router) => router.service(ChatService, createChatService(parts)),
  interceptors: [refuseEndedSessions(sessions.isEnded, log)],
  probes: {
    database: databaseProbe(database),
    redis: async () => void (await redis.ping()),
    kafka: kafka.ping,
  },
  started: database.migrated,
  sidecarTokenFile: config.sidecarTokenFile,
});
const closeFanout = async () => fanout.close();
runUntilSignal(server, [closeFanout, kafka.stop, outbox.stop, database.close], log);
