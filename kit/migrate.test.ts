import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { startEngines } from "../tests/support/stack.ts";
import { migrate } from "./migrate.ts";

test("migrations are laid once by one of several runners, and an edited one is refused", async (t) => {
  const engines = await startEngines(t, ["postgres"]);
  const pool = new pg.Pool({ connectionString: engines.databaseUrl("account") });
  pool.on("error", () => undefined);
  const folder = mkdtempSync(join(tmpdir(), "migrations-"));
  t.after(async () => {
    await pool.end();
    rmSync(folder, { recursive: true });
  });
  writeFileSync(join(folder, "0001_a.sql"), "create table a (n int); insert into a values (1)");
  writeFileSync(join(folder, "0002_b.sql"), "insert into a values (2)");

  const laid = await Promise.all([1, 2, 3].map(() => migrate(pool, [folder])));
  assert.deepEqual(laid.flat().sort(), ["0001_a.sql", "0002_b.sql"]);
  assert.deepEqual((await pool.query("select n from a order by n")).rows, [{ n: 1 }, { n: 2 }]);

  writeFileSync(join(folder, "0003_c.sql"), "insert into a values (3); insert into nowhere values (1)");
  await assert.rejects(migrate(pool, [folder]), /nowhere/);
  assert.equal((await pool.query("select n from a")).rowCount, 2, "a migration that fails leaves nothing");

  rmSync(join(folder, "0003_c.sql"));
  writeFileSync(join(folder, "0002_b.sql"), "insert into a values (22)");
  await assert.rejects(migrate(pool, [folder]), /0002_b.sql was laid with another text/);
});
