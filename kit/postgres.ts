import { join } from "node:path";
import pg from "pg";
import type { Log } from "./log.ts";
import { migrate } from "./migrate.ts";
import { pause } from "./pause.ts";

/** The tables that every database has, laid before the service's own. */
export const kitMigrations = join(import.meta.dirname, "migrations");

/** A service's own database. */
export interface Database {
  pool: pg.Pool;
  /** Runs `work` in one transaction; it is undone when `work` throws. */
  transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>;
  /** Settles once the schema is there, which may be long after the start. */
  migrated: Promise<void>;
  /** One round trip, in milliseconds. Throws when the database is away. */
  ping(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Opens a database, which need not be there yet: its schema is laid as soon as it can be.
 *
 * @param migrations folders of `NNNN_name.sql`, laid in this order.
 */
export function openDatabase(options: { url: string; name: string; migrations: string[]; log: Log }): Database {
  const { url, name, migrations, log } = options;
  const pool = new pg.Pool({
    connectionString: url,
    application_name: name,
    max: 10,
    connectionTimeoutMillis: 3_000,
    statement_timeout: 10_000,
    // For a server that doesn't answer at all: its own timeout would have come first.
    query_timeout: 12_000,
    idle_in_transaction_session_timeout: 10_000,
    keepAlive: true,
  });
  // A connection that breaks must not end the process: neither one that is idle, nor one that somebody holds between two queries.
  pool.on("error", (error) => log.debug({ err: error.message }, "a database connection broke"));
  pool.on("connect", (client) => client.on("error", () => undefined));
  const closing = new AbortController();

  async function transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      await client.query("begin");
      const result = await work(client);
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((cause: Error) => {
        broken = cause;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  return {
    pool,
    transaction,
    migrated: migrateWhenThere(pool, migrations, log, closing.signal),
    async ping() {
      const start = performance.now();
      await pool.query("select 1");
      return performance.now() - start;
    },
    async close() {
      closing.abort();
      await pool.end();
    },
  };
}

async function migrateWhenThere(pool: pg.Pool, folders: string[], log: Log, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const laid = await migrate(pool, folders);
      log.info({ migrations: laid }, "the database is ready");
      return;
    } catch (error) {
      if (signal.aborted) return;
      log[attempt === 0 ? "warn" : "debug"]({ err: (error as Error).message }, "the database is not ready, trying on");
      await pause(Math.min(250 * 2 ** attempt, 3_000), signal);
    }
  }
}
