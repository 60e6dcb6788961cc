import { join } from "node:path";
import { MatchService } from "#gen/game/match/v1/match_service_pb.ts";
import { endSession } from "#kit/ended-sessions.ts";
import { deadLetterProbe } from "#kit/event-probes.ts";
import { gameEvents } from "#kit/events.ts";
import { databaseProbe } from "#kit/health.ts";
import { consumeEvents } from "#kit/inbox.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { runUntilSignal } from "#kit/process.ts";
import { connectRedis } from "#kit/redis.ts";
import { startServer } from "#kit/serve.ts";
import { loadConfig } from "./config.ts";
import { createMatchService } from "./match.ts";
import { createMatchParts } from "./parts.ts";

const name = "match";
const config = loadConfig(process.env);
const instance = config.instance ?? name;
const log = createLog(name, config.instance);
const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
const redis = connectRedis(config.redisUrl, instance, log);
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: instance, log });
const match = createMatchParts({ database, redis, instance, clock: () => new Date(), limits: config, log });
const handlers = { session_ended: endSession };
consumeEvents({ ...gameEvents, kafka, group: name, database, handlers, log });

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [MatchService],
  routes: (router) => router.service(MatchService, createMatchService(match)),
  interceptors: [refuseEndedSessions(match.sessions)],
  probes: {
    database: databaseProbe(database),
    redis: async () => void (await redis.ping()),
    kafka: kafka.ping,
    dead_letter: deadLetterProbe(database),
  },
  started: match.sessions.known,
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [kafka.stop, match.close, database.close], log);
