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
  /** Notes a later status. */
  update(saga: Saga, client: pg.ClientBase): Promise<void>;
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

interface SumRow {
  type: string;
  started: string;
  completed: string;
  failed: string;
  compensated: string;
  needs_repair: string;
  average: number | null;
  p99: number | null;
}

/** One pass over the table: seconds count for sagas that have settled. */
const sumSql = `
select type, count(*) as started,
  count(*) filter (where status = 'completed') as completed,
  count(*) filter (where status = 'failed') as failed,
  count(*) filter (where status = 'compensated') as compensated,
  count(*) filter (where status = 'needs_repair') as needs_repair,
  avg(seconds)::float8 as average,
  percentile_cont(0.99) within group (order by seconds)::float8 as p99
from (
  select type, status,
    case when settle_time is not null then greatest(extract(epoch from settle_time - start_time), 0)::float8 end as seconds
  from saga
) as s
group by type order by type collate "C"`;

export function createPostgresSagaStore(pool: pg.Pool): SagaStore {
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
      return rowCount === 1;
    },
    async lock(sagaId, client) {
      const { rows } = await client.query<Row>("select * from saga where saga_id = $1 for update", [sagaId]);
      return toSaga(rows[0]!);
    },
    async update({ sagaId, status, reason, statusTime }, client) {
      await client.query(
        `update saga set status = $2, reason = $3, status_time = $4, settle_time = coalesce(settle_time, $4)
         where saga_id = $1`,
        [sagaId, status, reason, statusTime],
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
      const { rows } = await pool.query<SumRow>(sumSql);
      return await Promise.all(
        rows.map(async (row) => ({
          type: row.type,
          counts: {
            started: Number(row.started),
            completed: Number(row.completed),
            failed: Number(row.failed),
            compensated: Number(row.compensated),
            needs_repair: Number(row.needs_repair),
          },
          averageDurationS: row.average ?? 0,
          p99DurationS: row.p99 ?? 0,
          lastFailures: await lastFailures(row.type, failures),
        })),
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
    const { rows } = await pool.query<Row>(
      `select * from saga where type = $1 and status in ('failed', 'compensated', 'needs_repair')
       order by status_time desc, saga_id limit $2`,
      [type, limit],
    );
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
