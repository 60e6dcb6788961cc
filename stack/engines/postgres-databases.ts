import pg from "pg";
import type { Secrets } from "../secrets.ts";

/**
 * Gives each service a role with its password, and a database of the same name that belongs to it and that nobody else may enter.
 * Throws while the server does not answer. Run again, it mends what is missing.
 *
 * @param url of a role that may create roles and databases.
 */
export async function ensureDatabases(url: string, services: readonly string[], secrets: Secrets): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  await client.connect();
  try {
    for (const service of services) {
      const name = client.escapeIdentifier(service);
      const login = `login password ${client.escapeLiteral(secrets.get(`postgres-${service}`))}`;
      const role = await client.query("select 1 from pg_roles where rolname = $1", [service]);
      await client.query(`${role.rowCount ? "alter" : "create"} role ${name} with ${login}`);
      const database = await client.query("select 1 from pg_database where datname = $1", [service]);
      if (!database.rowCount) await client.query(`create database ${name} owner ${name}`);
      await client.query(`revoke all on database ${name} from public`);
    }
  } finally {
    await client.end();
  }
}
