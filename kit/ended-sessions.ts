import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "#gen/game/event/v1/event_pb.ts";
import type { Handler } from "./inbox.ts";
import type { Log } from "./log.ts";
import { pause } from "./pause.ts";
import type { Database } from "./postgres.ts";

/** Sessions whose access tokens are refused although they have not expired. */
export interface EndedSessions {
  /** Answered from memory. */
  isEnded(sessionId: string): boolean;
  /** Calls `ended` once when the session ends. @returns what stops that. */
  watch(sessionId: string, ended: () => void): () => void;
}

/** Postgres tells all processes on a database of a session's end. */
const channel = "session_ended";
const purgeMs = 60_000;

/** Handles `session_ended`: notes it in the service's own table `ended_session`, and tells every process of the service. */
export const endSession: Handler<Event> = async ({ data }, client) => {
  if (data.case !== "sessionEnded" || !data.value.expireTime) throw new TypeError("session_ended without its data");
  const { sessionId } = data.value;
  const expireTime = timestampDate(data.value.expireTime);
  await client.query("delete from ended_session where expire_time < now()");
  await client.query("insert into ended_session (session_id, expire_time) values ($1, $2) on conflict do nothing", [
    sessionId,
    expireTime,
  ]);
  await client.query("select pg_notify($1, $2)", [channel, `${sessionId} ${expireTime.getTime()}`]);
};

/** Ended sessions in memory, each until its last access token has expired: who has logged out in the last quarter of an hour, and no more. */
export function createEndedSessions(): EndedSessions & { note(sessionId: string, expireMs: number): void } {
  const expiries = new Map<string, number>();
  const watched = new Map<string, Set<() => void>>();
  let nextPurge = 0;

  function purge(now: number): void {
    if (now < nextPurge) return;
    nextPurge = now + purgeMs;
    for (const [id, expireMs] of expiries) if (expireMs <= now) expiries.delete(id);
  }

  return {
    isEnded: (sessionId) => (expiries.get(sessionId) ?? 0) > Date.now(),
    watch(sessionId, ended) {
      const watchers = watched.get(sessionId) ?? new Set();
      watched.set(sessionId, watchers.add(ended));
      return () => {
        watchers.delete(ended);
        if (watchers.size === 0 && watched.get(sessionId) === watchers) watched.delete(sessionId);
      };
    },
    note(sessionId, expireMs) {
      purge(Date.now());
      if (expireMs <= Date.now()) return;
      expiries.set(sessionId, expireMs);
      const watchers = watched.get(sessionId);
      watched.delete(sessionId);
      for (const ended of watchers ?? []) ended();
    },
  };
}

/**
 * Knows the ended sessions of a service's database, whichever process was told. It lives through the loss of the database: what it knew
 * it knows, and what ended meanwhile it learns when the database is back.
 *
 * @returns also `known`: the database is migrated, and what had ended is in memory.
 */
export function followEndedSessions(
  { pool, migrated }: Pick<Database, "pool" | "migrated">,
  log: Log,
): EndedSessions & { known: Promise<void>; stop(): Promise<void> } {
  const { note, ...sessions } = createEndedSessions();
  const stopping = new AbortController();
  const known = Promise.withResolvers<void>();
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener("abort", () => resolve()));

  /** Holds a connection of its own, as long as that lives. */
  async function listen(): Promise<void> {
    const client = await pool.connect();
    try {
      const lost = new Promise<void>((resolve) => client.once("end", resolve));
      client.on("notification", ({ payload = "" }) => {
        const [sessionId, expireMs] = payload.split(" ");
        if (sessionId) note(sessionId, Number(expireMs));
      });
      await client.query(`listen ${channel}`);
      const { rows } = await client.query<{ session_id: string; expire_time: Date }>(
        "select session_id, expire_time from ended_session where expire_time > now()",
      );
      for (const { session_id, expire_time } of rows) note(session_id, expire_time.getTime());
      known.resolve();
      await Promise.race([lost, stopped]);
    } finally {
      client.removeAllListeners("notification");
      client.release(true);
    }
  }

  async function follow(): Promise<void> {
    await Promise.race([migrated, stopped]);
    for (let failures = 0; !stopping.signal.aborted; failures++) {
      await listen().then(
        () => {
          failures = 0;
        },
        (error: Error) => log.debug({ err: error.message }, "ended sessions can't be followed now"),
      );
      await pause(Math.min(250 * failures, 3_000), stopping.signal);
    }
  }

  const running = follow();
  return {
    ...sessions,
    known: known.promise,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
