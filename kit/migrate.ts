import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";

/** Any number will do, as long as it is ours: runners of the same database wait for each other on it. */
const lock = 7_201_845;

/**
 * Lays the SQL files of `folders` that are not laid yet, each in one transaction, in order of folder and name.
 *
 * Several processes may run it at once: one works, the others wait and find nothing to do.
 *
 * @returns the names of the files laid now.
 * @throws Error when a file that was laid has been edited since.
 */
export async function migrate(pool: pg.Pool, folders: string[]): Promise<string[]> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query("select pg_advisory_lock($1)", [lock]);
    await client.query(
      "create table if not exists migration (name text primary key, sha256 text not null, apply_time timestamptz not null default now())",
    );
    const { rows } = await client.query<{ name: string; sha256: string }>("select name, sha256 from migration");
    const known = new Map(rows.map((row) => [row.name, row.sha256]));
    const laid: string[] = [];
    for (const folder of folders)
      for (const file of (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort()) {
        const sql = await readFile(join(folder, file), "utf8");
        const sha256 = createHash("sha256").update(sql).digest("hex");
        if (known.get(file) === sha256) continue;
        if (known.has(file)) throw new Error(`${file} was laid with another text: write a new migration instead`);
        await client.query("begin");
        await client.query(sql);
        await client.query("insert into migration (name, sha256) values ($1, $2)", [file, sha256]);
        await client.query("commit");
        laid.push(file);
      }
    await client.query("select pg_advisory_unlock($1)", [lock]);
    return laid;
  } catch (error) {
    broken = true;
    throw error;
  } finally {
    // A broken run may hold the lock or an open transaction: its connection goes.
    client.release(broken);
  }
}
