import type pg from "pg";
import type { Saga, SagaStatistics, SagaStatus } from "./saga.ts";

/** What a page begins after: those that began last come first. */
export interface SagaCursor {
  startTime: Date;
  sagaId: string;
}

/** Sagas. What takes a `client` belongs to the caller's transaction. */
export interface SagaStore {
  /** Stores a saga that was not known. False, with nothing done, when it was. */
  add(saga: Saga, client: pg.ClientBase): Promise<boolean>;
  /** Locks a saga that is known. */
  lock(sagaId: string, client: pg.ClientBase): Promise<Saga>;
  /** Notes a later status than `before`. */
  update(saga: Saga, before: SagaStatus, client: pg.ClientBase): Promise<void>;
  list(after: SagaCursor | undefined, status: SagaStatus | undefined, limit: number): Promise<Saga[]>;
  /** By type, each with the last `failures` that did not go well. */
  statistics(failures: number): Promise<SagaStatistics[]>;
  /** How many wait for a person, by type. */
  needingRepair(): Promise<Map<string, number>>;
}

interface Row {
  saga_id: string;
  type: string;
  status: SagaStatus;
  reason: string;
  user_id: string;
  trace_id: string;
  start_time: Date;
  status_time: Date;
}

interface DurationRow {
  average: number | null;
  p99: number | null;
}

/** So many rows share a count, and so many sagas that settled last say how long sagas take: what is asked stays small, however many there were. */
const shards = 16;
const measured = 10_000;

/** Adds to counts, always in the same order: two that change the same rows wait for each other at most once. */
const countSql = `
insert into saga_total as t (type, status, shard, count)
select $1, status, shard, change
from unnest($2::text[], $3::int[]) as changed (status, change), (select floor(random() * ${shards})::int as shard) as s
order by status collate "C"
on conflict (type, status, shard) do update set count = t.count + excluded.count`;

const durationSql = `
select avg(seconds)::float8 as average, percentile_cont(0.99) within group (order by seconds)::float8 as p99
from (
  select greatest(extract(epoch from settle_time - start_time), 0)::float8 as seconds
  from saga where type = $1 and settle_time is not null order by settle_time desc limit ${measured}
) as s`;

const failureSql = `
select f.* from unnest(array['failed', 'compensated', 'needs_repair']) as s (status), lateral (
  select * from saga where type = $1 and saga.status = s.status order by status_time desc, saga_id limit $2
) as f
order by status_time desc, saga_id limit $2`;

export function createPostgresSagaStore(pool: pg.Pool): SagaStore {
  /** @param changes by status. */
  async function count(type: string, changes: [SagaStatus, number][], client: pg.ClientBase): Promise<void> {
    const values = [type, changes.map(([status]) => status), changes.map(([, change]) => change)];
    await client.query({ name: "count_sagas", text: countSql, values });
  }

  return {
    async add(saga, client) {
      const { rowCount } = await client.query(
        `insert into saga (saga_id, type, status, reason, user_id, trace_id, start_time, status_time, settle_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
        [
          saga.sagaId,
          saga.type,
          saga.status,
          saga.reason,
          saga.userId,
          saga.traceId,
          saga.startTime,
          saga.statusTime,
          saga.status === "started" ? null : saga.statusTime,
        ],
      );
      if (rowCount === 1) await count(saga.type, [[saga.status, 1]], client);
      return rowCount === 1;
    },
    async lock(sagaId, client) {
      const { rows } = await client.query<Row>("select * from saga where saga_id = $1 for update", [sagaId]);
      return toSaga(rows[0]!);
    },
    async update({ sagaId, type, status, reason, statusTime }, before, client) {
      await client.query(
        `update saga set status = $2, reason = $3, status_time = $4, settle_time = coalesce(settle_time, $4)
         where saga_id = $1`,
        [sagaId, status, reason, statusTime],
      );
      await count(
        type,
        [
          [before, -1],
          [status, 1],
        ],
        client,
      );
    },
    async list(after, status, limit) {
      const { rows } = await pool.query<Row>(
        `select * from saga where ($1::text is null or status = $1)
           and ($2::timestamptz is null or (start_time, saga_id) < ($2, $3))
         order by start_time desc, saga_id desc limit $4`,
        [status, after?.startTime, after?.sagaId, limit],
      );
      return rows.map(toSaga);
    },
    async statistics(failures) {
      const { rows } = await pool.query<{ type: string; counts: Partial<Record<SagaStatus, number>> }>(
        `select type, jsonb_object_agg(status, count) as counts
         from (select type, status, sum(count)::bigint as count from saga_total group by type, status) as t
         group by type order by type collate "C"`,
      );
      return await Promise.all(
        rows.map(async ({ type, counts }) => {
          const { completed = 0, failed = 0, compensated = 0, needs_repair = 0 } = counts;
          const started = Object.values(counts).reduce((sum, count) => sum + count, 0);
          const { rows } = await pool.query<DurationRow>(durationSql, [type]);
          return {
            type,
            counts: { started, completed, failed, compensated, needs_repair },
            averageDurationS: rows[0]?.average ?? 0,
            p99DurationS: rows[0]?.p99 ?? 0,
            lastFailures: await lastFailures(type, failures),
          };
        }),
      );
    },
    async needingRepair() {
      const { rows } = await pool.query<{ type: string; count: number }>(
        "select type, count(*)::int as count from saga where status = 'needs_repair' group by type",
      );
      return new Map(rows.map(({ type, count }) => [type, count]));
    },
  };

  async function lastFailures(type: string, limit: number): Promise<Saga[]> {
    const { rows } = await pool.query<Row>(failureSql, [type, limit]);
    return rows.map(toSaga);
  }
}

const toSaga = (row: Row): Saga => ({
  sagaId: row.saga_id,
  type: row.type,
  status: row.status,
  reason: row.reason,
  userId: row.user_id,
  traceId: row.trace_id,
  startTime: row.start_time,
  statusTime: row.status_time,
});
