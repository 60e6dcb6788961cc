import assert from "node:assert/strict";
import { test } from "node:test";
import { startEngines } from "../tests/support/stack.ts";
import { until } from "../tests/support/until.ts";
import { isAway } from "./errors.ts";
import { createLog } from "./log.ts";
import { openDatabase } from "./postgres.ts";

test("a connection that breaks while it is held fails the transaction, not the process, and the next one works", async (t) => {
  const engines = await startEngines(t, ["postgres"]);
  const log = createLog("test");
  log.level = "silent";
  const database = openDatabase({ url: engines.databaseUrl("account"), name: "test", migrations: [], log });
  t.after(database.close);
  await database.migrated;

  const broken = database.transaction(async (client) => {
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const gone = new Promise((resolve) => client.once("end", resolve));
    await database.pool.query("select pg_terminate_backend($1)", [rows[0]!.pid]);
    await gone;
    await client.query("select 1");
  });
  await assert.rejects(broken, isAway);
  await until("the database answers", async () => (await database.ping()) > 0);
});
