/** For the tests of this service: replicas in this process, on real engines. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Client, Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { MatchService } from "#gen/game/match/v1/match_service_pb.ts";
import type { QueueState, QueueStatus } from "#gen/game/match/v1/queue_state_pb.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createLog } from "#kit/log.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { connectRedis } from "#kit/redis.ts";
import { createInProcessTransport } from "../../tests/support/in-process.ts";
import { createMatchService } from "./match.ts";
import { createMatchParts, type Limits, type MatchParts } from "./parts.ts";

export interface Engines {
  databaseUrl: string;
  redisUrl: string;
}

/** Somebody who calls. */
export interface Player {
  userId: string;
  username: string;
  sessionId: string;
}

/** Somebody new. */
export const player = (username: string): Player => ({ userId: randomUUID(), username, sessionId: randomUUID() });

export interface Replica extends MatchParts {
  database: Database;
  /** A client that the edge has let in as this player. */
  clientOf(player: Player): Client<typeof MatchService>;
}

/** Starts a replica for the length of a test, and waits for its schema. Redis may come later. */
export async function startReplica(
  t: TestContext,
  engines: Engines,
  options: { instance?: string; clock?: () => Date; limits?: Partial<Limits> } = {},
): Promise<Replica> {
  const { instance = "match-1", clock = () => new Date() } = options;
  const limits = {
    ...{ gatherMs: 60_000, readyMs: 60_000, waitMs: 3_600_000, roundMs: 20, checkMs: 200, heartbeatSeconds: 15 },
    ...options.limits,
  };
  const log = createLog("match");
  log.level = "silent";
  const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
  const database = openDatabase({ url: engines.databaseUrl, name: "match", migrations, log });
  const redis = connectRedis(engines.redisUrl, instance, log);
  const parts = createMatchParts({ database, redis, instance, clock, limits, log });
  t.after(async () => {
    await parts.close();
    await database.close();
  });
  await parts.sessions.known;
  return {
    ...parts,
    database,
    clientOf(player) {
      const interceptors = [refuseEndedSessions(parts.sessions)];
      const routes = (router: ConnectRouter) => router.service(MatchService, createMatchService(parts));
      return createClient(MatchService, createInProcessTransport(routes, player, { interceptors, log }));
    },
  };
}

/** Follows a player's queue in the background. */
export function watch(t: TestContext, client: Client<typeof MatchService>) {
  const ending = new AbortController();
  const states: QueueState[] = [];
  let wake = () => {};
  const ended = (async () => {
    try {
      for await (const { event } of client.watchQueue({}, { signal: ending.signal })) {
        if (event.case === "state") states.push(event.value);
        wake();
      }
      return undefined;
    } catch (error) {
      return ConnectError.from(error);
    } finally {
      wake();
    }
  })();
  t.after(() => ending.abort());
  return {
    states,
    ended,
    /** The present state, as soon as it has this status. */
    async until(status: QueueStatus, deadlineMs = 20_000): Promise<QueueState> {
      const deadline = performance.now() + deadlineMs;
      for (;;) {
        const last = states.at(-1);
        if (last?.status === status) return last;
        const left = deadline - performance.now();
        if (left <= 0) assert.fail(`no state ${status}, but ${states.map((state) => state.status)}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, left);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    close: () => ending.abort(),
  };
}

/** Rejects with this code and reason. */
export async function assertRefused(call: Promise<unknown>, code: Code, reason?: string): Promise<ConnectError> {
  const error = await call.then(
    () => assert.fail("not refused"),
    (thrown) => ConnectError.from(thrown),
  );
  assert.equal(Code[error.code], Code[code], error.message);
  if (reason) assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, reason);
  return error;
}
