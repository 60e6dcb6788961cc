import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Client, Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import { decodeJwt } from "jose";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import type { Event } from "#gen/game/event/v1/event_pb.ts";
import { parseEvent } from "#kit/events.ts";
import { reportErrors } from "#kit/interceptors.ts";
import type { OutgoingMessage } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { connectRedis } from "#kit/redis.ts";
import { createAuthService } from "../../services/auth/auth.ts";
import { createDeletion } from "../../services/auth/deletion.ts";
import { createAuthEvents } from "../../services/auth/events.ts";
import { createGate, type Gate } from "../../services/auth/gate.ts";
import { createPostgresKeyStore } from "../../services/auth/key-store.ts";
import { createKeyRing } from "../../services/auth/keys.ts";
import { createLogins } from "../../services/auth/logins.ts";
import { createOidc, type OidcSettings } from "../../services/auth/oidc.ts";
import { createPasswords } from "../../services/auth/password.ts";
import { createSeal } from "../../services/auth/seal.ts";
import { createRedisSessions } from "../../services/auth/sessions.ts";
import { createPostgresUserStore } from "../../services/auth/store.ts";
import { accessTokenLifeMs, createAccessTokens } from "../../services/auth/tokens.ts";
import { createTestClock } from "./clock.ts";
import { startEngines } from "./stack.ts";
import { until } from "./until.ts";

export type AuthClient = Client<typeof AuthService>;

/** Matches a refusal by its code and its reason, for `assert.rejects`. */
export const refusal = (code: Code, reason: string) => (error: unknown) => {
  assert.ok(error instanceof ConnectError);
  const reasons = error.findDetails(ErrorInfoSchema).map((detail) => detail.reason);
  assert.deepEqual([Code[error.code], reasons], [Code[code], [reason]]);
  return true;
};

/** The auth service's handler over the in-memory transport, on a real Postgres and Redis. Its events go into a list instead of Kafka. */
export async function startAuth(t: TestContext, options: { oidc?: OidcSettings; gate?: Gate } = {}) {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const log = createLog("auth");
  log.level = "silent";
  const clock = createTestClock();
  const migrations = [kitMigrations, join(import.meta.dirname, "../../services/auth/migrations")];
  const database = openDatabase({ url: engines.databaseUrl("auth"), name: "auth", migrations, log });
  const redis = connectRedis(engines.redisUrl("auth"), "auth", log);
  const sent: OutgoingMessage[] = [];
  const outbox = startOutbox(database, { send: async (messages) => void sent.push(...messages) }, log);
  t.after(async () => {
    await outbox.stop();
    redis.disconnect();
    await database.close();
  });
  await database.migrated;
  await until("Redis answers", async () => (await redis.ping()) === "PONG");

  const events = createAuthEvents(outbox);
  const users = createPostgresUserStore(database, events);
  const passwords = createPasswords(options.gate ?? createGate(2, 64));
  const sessions = createRedisSessions(redis, clock.now);
  const keys = createKeyRing({
    store: createPostgresKeyStore(database),
    seal: createSeal(randomBytes(32).toString("hex")),
    schedule: { activationMs: 30_000, maxAgeMs: 30 * 24 * 3_600_000, tokenLifeMs: accessTokenLifeMs },
    clock: clock.now,
    log,
  });
  await keys.refresh();
  const tokens = createAccessTokens(keys, clock.now);
  const logins = createLogins({ database, events, users, sessions, tokens, clock: clock.now });
  const deletion = createDeletion({ users, passwords, logins });
  const oidc = createOidc(options.oidc, redis, clock.now);
  const handler = createAuthService({ users, passwords, sessions, tokens, keys, logins, oidc, deletion });

  /** A client whose calls carry what the edge makes of `accessToken`. */
  function clientOf(accessToken?: string, headers: Record<string, string> = {}): AuthClient {
    const claims = accessToken ? decodeJwt<{ sid: string; name: string }>(accessToken) : undefined;
    const edge = {
      ...(claims && { "x-user-id": claims.sub!, "x-user-name": claims.name, "x-session-id": claims.sid }),
    };
    const transport = createRouterTransport((router) => router.service(AuthService, handler), {
      router: { interceptors: [reportErrors(log), createValidateInterceptor()] },
      transport: {
        interceptors: [
          (next) => (request) => {
            for (const [name, value] of Object.entries({ ...edge, ...headers })) request.header.set(name, value);
            return next(request);
          },
        ],
      },
    });
    return createClient(AuthService, transport);
  }

  let count = 0;

  return {
    engines,
    clock,
    database,
    users,
    passwords,
    keys,
    tokens,
    sessions,
    logins,
    client: clientOf(),
    clientOf,
    /** A new player, logged in. */
    async joinAs(username = `player-${++count}`, password = "correct horse") {
      const client = clientOf();
      await client.register({ username, password });
      return await client.authenticate({ username, password, clientVersion: "1.2.3" });
    },
    /** The events of a user, in order, once there are `count`. */
    async eventsOf(userId: string, count: number): Promise<Event[]> {
      return await until(`${count} events`, async () => {
        const found = sent.filter(({ key }) => key === userId);
        return found.length >= count && found.map(({ value }) => parseEvent(value));
      });
    },
  };
}

/** What {@link startAuth} gives. */
export type TestAuth = Awaited<ReturnType<typeof startAuth>>;
