import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { MatchService } from "#gen/game/match/v1/match_service_pb.ts";
import { outboxProbe } from "#kit/event-probes.ts";
import { databaseProbe } from "#kit/health.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { runUntilSignal } from "#kit/process.ts";
import { connectRedis } from "#kit/redis.ts";
import { startServer } from "#kit/serve.ts";
import { ensureAdminWhenThere } from "./admin.ts";
import { createAuthService } from "./auth.ts";
import { loadConfig } from "./config.ts";
import { createDeletion } from "./deletion.ts";
import { createAuthEvents } from "./events.ts";
import { createGate } from "./gate.ts";
import { createPostgresKeyStore } from "./key-store.ts";
import { createKeyRing, keepRefreshing } from "./keys.ts";
import { createLogins } from "./logins.ts";
import { createOidc } from "./oidc.ts";
import { createPasswords } from "./password.ts";
import { createSeal } from "./seal.ts";
import { createRedisSessions } from "./sessions.ts";
import { createPostgresUserStore } from "./store.ts";
import { accessTokenLifeMs, createAccessTokens } from "./tokens.ts";

const name = "auth";
const config = loadConfig(process.env);
const log = createLog(name, config.instance);
const clock = () => new Date();
const read = (file: string) => readFileSync(file, "utf8").trim();

const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
const database = openDatabase({ url: config.databaseUrl, name, migrations, log });
const redis = connectRedis(config.redisUrl, config.instance ?? name, log);
const kafka = createKafkaClient({ brokers: config.kafkaBrokers, clientId: config.instance ?? name, log });
const outbox = startOutbox(database, kafka.producer, log);

const events = createAuthEvents(outbox);
const users = createPostgresUserStore(database, events);
const passwords = createPasswords(createGate(config.hashParallel, config.hashWaiting));
const sessions = createRedisSessions(redis, clock);
const keys = createKeyRing({
  store: createPostgresKeyStore(database),
  seal: createSeal(read(config.keyFile)),
  schedule: {
    activationMs: config.keyActivationS * 1_000,
    maxAgeMs: config.keyMaxAgeDays * 24 * 3_600_000,
    tokenLifeMs: accessTokenLifeMs,
  },
  clock,
  log,
});
const refreshing = keepRefreshing(keys, database.migrated, log);
const tokens = createAccessTokens(keys, clock);
const logins = createLogins({ database, events, users, sessions, tokens, clock });
const deletion = createDeletion({ users, passwords, logins });
const oidc = createOidc(config.oidc, redis, clock);
const password = config.adminPasswordFile && read(config.adminPasswordFile);
const admin = ensureAdminWhenThere({ users, passwords, password, migrated: database.migrated, log });

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [AuthService],
  // The edge sends every question about schemas here.
  reflect: [AuthService, AccountService, ChatService, MatchService],
  routes: (router) =>
    router.service(
      AuthService,
      createAuthService({ users, passwords, sessions, tokens, keys, logins, oidc, deletion }),
    ),
  pages: {
    "/.well-known/jwks.json": async () => ({ type: "application/json", body: JSON.stringify(keys.jwks()) }),
  },
  probes: {
    database: databaseProbe(database),
    redis: async () => void (await redis.ping()),
    kafka: kafka.ping,
    outbox: outboxProbe(database),
    signing_keys: async () => void keys.signer(),
  },
  started: Promise.all([refreshing.loaded, admin]),
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [refreshing.stop, outbox.stop, kafka.stop, async () => redis.disconnect(), database.close], log);
