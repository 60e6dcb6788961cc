import type { Probe } from "./health.ts";
import type { Database } from "./postgres.ts";

/** How long an event may wait to leave before somebody should know. */
const outboxSeconds = 10;

/** Degraded while events wait in the outbox: Kafka is away, or no relay runs. */
export function outboxProbe(database: Database): Probe {
  return async () => {
    const { rows } = await database.pool.query<{ seconds: number | null }>(
      "select extract(epoch from now() - min(create_time))::float8 as seconds from outbox",
    );
    const seconds = rows[0]?.seconds ?? 0;
    if (seconds <= outboxSeconds) return undefined;
    return { status: "degraded", message: `events have waited for Kafka for ${Math.round(seconds)} s` };
  };
}

/** Degraded while events lie aside that could not be handled: a person has to look. */
export function deadLetterProbe(database: Database): Probe {
  return async () => {
    const { rows } = await database.pool.query<{ n: number }>("select count(*)::int as n from dead_letter");
    const count = rows[0]?.n ?? 0;
    if (count === 0) return undefined;
    return { status: "degraded", message: `${count} events could not be handled: see the table dead_letter` };
  };
}
