import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSaga, type Repair } from "./saga.ts";

const noRepair = async (): Promise<Repair> => assert.fail("nobody is to be asked");
const plain = <T>(work: () => Promise<T>) => work();
const done = async () => true;
const fails = async (): Promise<never> => {
  throw new Error("trouble");
};

test("steps run in order, each under an operation id of its own", async () => {
  const ran: string[] = [];
  const saga = createSaga("purchase-1", plain, noRepair);
  await saga.step("a", async (id) => ran.push(id), done);
  await saga.step("b", async (id) => ran.push(id), done);
  assert.deepEqual(ran, ["purchase-1/a", "purchase-1/b"]);
  assert.deepEqual(saga.steps, [
    { name: "a", status: "COMPLETED" },
    { name: "b", status: "COMPLETED" },
  ]);
});

test("the undo is registered before its step runs: one that fails after its work is undone too", async () => {
  const undone: string[] = [];
  const undo = async (id: string) => undone.push(id) > 0;
  const saga = createSaga("s", plain, noRepair);
  await saga.step("a", done, undo);
  await assert.rejects(saga.step("b", fails, undo), /trouble/);
  assert.equal(await saga.undo(), true);
  assert.deepEqual(undone, ["s/b", "s/a"]);
});

test("a failed step of which nothing was there stays failed, and a saga of only that has undone nothing", async () => {
  const saga = createSaga("s", plain, noRepair);
  await assert.rejects(saga.step("a", fails, async () => false));
  assert.equal(await saga.undo(), false);
  assert.deepEqual(saga.steps, [{ name: "a", status: "FAILED" }]);
});

test("undoing goes on past an undo that failed, and a person's retry asks only for what is left", async () => {
  const undone: string[] = [];
  let broken = true;
  const asked: string[][] = [];
  const saga = createSaga("s", plain, async (failed, error) => {
    asked.push([...failed, (error as Error).message]);
    broken = false;
    return "retry";
  });
  const undo = async (id: string) => undone.push(id) > 0;
  await saga.step("a", done, undo);
  await saga.step("b", done, async (id) => (broken ? fails() : undo(id)));
  await saga.step("c", done, undo);
  assert.equal(await saga.undo(), true);
  assert.deepEqual(undone, ["s/c", "s/a", "s/b"]);
  assert.deepEqual(asked, [["b", "trouble"]]);
  assert.deepEqual(
    saga.steps.map(({ status }) => status),
    ["COMPENSATED", "COMPENSATED", "COMPENSATED"],
  );
});

test("what a person has settled by hand is not tried again", async () => {
  const saga = createSaga("s", plain, async () => "settled");
  await saga.step("a", done, fails);
  assert.equal(await saga.undo(), true);
  assert.deepEqual(saga.steps, [{ name: "a", status: "COMPENSATED" }]);
});

test("a pivot that is refused leaves the way back open, one that happened is never undone", async () => {
  const undone: string[] = [];
  const undo = async (id: string) => undone.push(id) > 0;
  const refused = createSaga("r", plain, noRepair);
  await refused.step("a", done, undo);
  await assert.rejects(refused.pivot("p", fails));
  await refused.undo();
  assert.deepEqual(undone, ["r/a"]);
  assert.deepEqual(refused.steps[1], { name: "p", status: "FAILED" });
});

test("a step after the pivot asks a person when it is refused, until it is done", async () => {
  let refusals = 2;
  const asked: string[][] = [];
  const saga = createSaga("s", plain, async (failed) => {
    asked.push(failed);
    return "retry";
  });
  await saga.finish("f", async () => (refusals-- > 0 ? fails() : true));
  assert.deepEqual(asked, [["f"], ["f"]]);
  assert.deepEqual(saga.steps, [{ name: "f", status: "COMPLETED" }]);
});

test("pivot, finish and undo are shielded from cancellation; a step is not", async () => {
  let shields = 0;
  const saga = createSaga(
    "s",
    (work) => {
      shields++;
      return work();
    },
    noRepair,
  );
  await saga.step("a", done, done);
  assert.equal(shields, 0);
  await saga.pivot("p", done);
  await saga.finish("f", done);
  await saga.undo();
  assert.equal(shields, 3);
});

test("whatever fails, and whether or not it happened: after undoing nothing is left", async () => {
  // What becomes of each step: done; failed before its work; failed after it. And how often its undo fails first.
  const step = fc.record({ outcome: fc.constantFrom("done", "before", "after"), undoFailures: fc.nat(2) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (plan) => {
      const books = new Set<string>();
      const saga = createSaga("s", plain, async () => "retry");
      try {
        for (const [i, { outcome, undoFailures }] of plan.entries()) {
          let failures = undoFailures;
          await saga.step(
            `step_${i}`,
            async (id) => {
              if (outcome !== "before") books.add(id);
              if (outcome !== "done") await fails();
            },
            async (id) => (failures-- > 0 ? fails() : books.delete(id)),
          );
        }
      } catch {
        const had = books.size > 0;
        assert.equal(await saga.undo(), had);
        assert.deepEqual([...books], []);
        return;
      }
      assert.equal(books.size, plan.length);
    }),
  );
});
