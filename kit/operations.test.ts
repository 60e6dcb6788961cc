import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { createTestStack } from "../tests/support/stack.ts";
import { createLog } from "./log.ts";
import { doOnce, undoOnce } from "./operations.ts";
import { type Database, kitMigrations, openDatabase } from "./postgres.ts";

/** On a real Postgres. The work is a line in a table, so that it is seen what was done how often. */
describe("operations", () => {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let database: Database;

  before(async () => {
    engines = await createTestStack({ only: ["postgres"] });
    const log = createLog("test");
    log.level = "silent";
    database = openDatabase({
      url: engines.databaseUrl("account"),
      name: "test",
      migrations: [kitMigrations],
      log,
    });
    await database.migrated;
    await database.pool.query("create table work (operation_id text, amount int)");
  });
  after(async () => {
    await database.close();
    await engines.stop();
  });

  const forward = (id: string, amount = 1, kind = "add") =>
    database.transaction((client) =>
      doOnce(client, id, { kind, amount }, async () => {
        await client.query("insert into work values ($1, $2)", [id, amount]);
        return { amount, answer: randomUUID() };
      }),
    );
  const undo = (id: string, kind = "add", found = true) =>
    database.transaction((client) =>
      undoOnce(client, id, kind, async ({ amount }) => {
        await client.query("insert into work values ($1, $2)", [id, -(amount as number)]);
        return found;
      }),
    );
  const linesOf = async (id: string): Promise<number[]> => {
    const { rows } = await database.pool.query("select amount from work where operation_id = $1", [id]);
    return rows.map(({ amount }) => amount);
  };
  const refusedFor = (reason: string) => (error: unknown) => {
    assert.ok(error instanceof ConnectError);
    assert.deepEqual([error.findDetails(ErrorInfoSchema)[0]?.reason, error.code], [reason, Code.FailedPrecondition]);
    return true;
  };

  test("work is done once; a repeat, also one at the same time, gets the first answer", async () => {
    const id = randomUUID();
    const answers = [...(await Promise.all([1, 2, 3].map(() => forward(id)))), await forward(id)];
    assert.equal(new Set(answers.map(({ answer }) => answer)).size, 1);
    assert.deepEqual(await linesOf(id), [1]);
  });

  test("a name that was given to something else is refused", async () => {
    const id = randomUUID();
    await forward(id);
    await assert.rejects(forward(id, 2), refusedFor("operation_differs"));
    await assert.rejects(forward(id, 1, "take"), refusedFor("operation_differs"));
    await assert.rejects(undo(id, "take"), refusedFor("operation_differs"));
    assert.deepEqual(await linesOf(id), [1]);
  });

  test("the same in another order of its fields is the same", async () => {
    const id = randomUUID();
    const ask = (request: { kind: string; [field: string]: unknown }) =>
      database.transaction((client) => doOnce(client, id, request, async () => randomUUID()));
    assert.equal(await ask({ kind: "k", a: 1, b: [2, 3] }), await ask({ b: [2, 3], a: 1, kind: "k" }));
    await assert.rejects(ask({ kind: "k", a: 1, b: [3, 2] }), refusedFor("operation_differs"));
  });

  test("work that fails leaves no name behind", async () => {
    const id = randomUUID();
    const failing = database.transaction((client) =>
      doOnce(client, id, { kind: "add" }, () => Promise.reject(new Error("not enough"))),
    );
    await assert.rejects(failing, /not enough/);
    await forward(id);
    assert.deepEqual(await linesOf(id), [1]);
  });

  test("an undo that fails can come again", async () => {
    const id = randomUUID();
    await forward(id);
    const failing = database.transaction((client) =>
      undoOnce(client, id, "add", () => Promise.reject(new Error("spent"))),
    );
    await assert.rejects(failing, /spent/);
    assert.equal(await undo(id), true);
    assert.deepEqual((await linesOf(id)).sort(), [-1, 1]);
  });

  test("an undo says each time what the first one said", async () => {
    const [done, late, nothing] = [randomUUID(), randomUUID(), randomUUID()];
    await forward(done);
    await forward(nothing);
    for (let i = 0; i < 2; i++)
      assert.deepEqual([await undo(done), await undo(late), await undo(nothing, "add", false)], [true, false, false]);
    for (const id of [done, late, nothing]) await assert.rejects(forward(id), refusedFor("operation_undone"));
    assert.deepEqual(await linesOf(late), []);
  });

  test("whatever comes, how often, in whatever order and at once: done at most once, undone at most once, never done again", async () => {
    const call = fc.constantFrom("forward", "undo");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(call, { minLength: 1, maxLength: 5 }), { maxLength: 5 }), async (rounds) => {
        const id = randomUUID();
        const answers = new Set<string>();
        const undone = new Set<boolean>();
        for (const round of rounds) {
          const calls = round.map(async (what) => {
            if (what === "undo") undone.add(await undo(id));
            else answers.add((await forward(id)).answer);
          });
          for (const outcome of await Promise.allSettled(calls))
            if (outcome.status === "rejected") refusedFor("operation_undone")(outcome.reason);
        }
        const wasDone = answers.size > 0 || undone.has(true);
        const expected = [...(wasDone ? [1] : []), ...(undone.has(true) ? [-1] : [])];
        assert.deepEqual(
          (await linesOf(id)).sort((a, b) => b - a),
          expected,
        );
        assert.ok(answers.size <= 1, "one answer for all");
        assert.ok(undone.size <= 1, "one answer for all undos");
      }),
      { numRuns: 60 },
    );
  });
});
