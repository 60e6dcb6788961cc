import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { sessionEnded } from "../tests/support/session-ended.ts";
import { startEngine } from "../tests/support/stack.ts";
import { until } from "../tests/support/until.ts";
import { createEndedSessions, endSession, followEndedSessions } from "./ended-sessions.ts";
import { createLog } from "./log.ts";
import { kitMigrations, openDatabase } from "./postgres.ts";

const minuteMs = 60_000;

test("ended sessions of two processes on one database", async (t) => {
  const engines = await startEngine(t, "postgres");
  const log = createLog("test");
  log.level = "silent";
  const start = () => {
    const database = openDatabase({ url: engines.databaseUrl("chat"), name: "test", migrations: [kitMigrations], log });
    const sessions = followEndedSessions(database, log);
    t.after(async () => {
      await sessions.stop();
      await database.close();
    });
    return { database, sessions };
  };
  const database = openDatabase({ url: engines.databaseUrl("chat"), name: "test", migrations: [kitMigrations], log });
  t.after(() => database.close());
  await database.migrated;
  await database.pool.query(
    "create table ended_session (session_id uuid primary key, expire_time timestamptz not null)",
  );
  const [near, far] = [start(), start()];
  await Promise.all([near.sessions.known, far.sessions.known]);

  const end = (sessionId: string, inMs: number) => {
    const event = sessionEnded("u", sessionId, inMs);
    return database.transaction((client) => endSession(event, client));
  };
  const knows = (process: typeof near, sessionId: string) =>
    until("it is known", async () => process.sessions.isEnded(sessionId));

  await t.test("both know of it, whichever was told, and tell once whoever watches", async () => {
    const sessionId = randomUUID();
    let told = 0;
    for (const { sessions } of [near, far]) sessions.watch(sessionId, () => told++);
    far.sessions.watch(sessionId, () => assert.fail("nobody watches any more"))();
    for (let times = 0; times < 2; times++) await end(sessionId, minuteMs);
    await knows(near, sessionId);
    await knows(far, sessionId);
    assert.equal(told, 2);
    assert.equal(near.sessions.isEnded(randomUUID()), false);
  });

  await t.test("one whose tokens have expired is none", async () => {
    const [past, ended] = [randomUUID(), randomUUID()];
    await end(past, -1_000);
    await end(ended, minuteMs);
    await knows(far, ended);
    assert.equal(far.sessions.isEnded(past), false);
  });

  await t.test("a process that comes later, or whose connection broke, learns what it has missed", async () => {
    const [before, meanwhile] = [randomUUID(), randomUUID()];
    await end(before, minuteMs);
    const late = start();
    await late.sessions.known;
    assert.ok(late.sessions.isEnded(before));
    engines.process("postgres").kill("SIGKILL");
    await engines.process("postgres").waitReady();
    await until("it is told", async () => (await end(meanwhile, minuteMs)) === undefined);
    for (const process of [near, far, late]) await knows(process, meanwhile);
  });
});

test("what has expired is forgotten, so that memory holds no more than a token's life of them", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const sessions = createEndedSessions();
  sessions.note("a", Date.now() + minuteMs);
  assert.ok(sessions.isEnded("a"));
  t.mock.timers.setTime(Date.now() + 2 * minuteMs);
  assert.equal(sessions.isEnded("a"), false);
});
