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
  saga.plan({ a: done, b: done });
  await saga.step("a", async (id) => ran.push(id));
  await saga.step("b", async (id) => ran.push(id));
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
  saga.plan({ a: undo, b: undo });
  await saga.step("a", done);
  await assert.rejects(saga.step("b", fails), /trouble/);
  assert.equal(await saga.undo(), true);
  assert.deepEqual(undone, ["s/b", "s/a"]);
});

test("what a worker did that has died is undone, although this one has not come so far", async () => {
  const done = new Set(["s/a", "s/b"]);
  const undone: string[] = [];
  const undo = async (id: string) => done.has(id) && undone.push(id) > 0;
  const saga = createSaga("s", plain, noRepair);
  saga.plan({ a: undo, b: undo, c: undo });
  await assert.rejects(saga.step("a", fails));
  assert.equal(await saga.undo(), true);
  assert.deepEqual(undone, ["s/b", "s/a"]);
  assert.deepEqual(saga.steps, [
    { name: "a", status: "COMPENSATED" },
    { name: "b", status: "COMPENSATED" },
  ]);
});

test("a failed step of which nothing was there stays failed, and a saga of only that has undone nothing", async () => {
  const saga = createSaga("s", plain, noRepair);
  saga.plan({ a: async () => false });
  await assert.rejects(saga.step("a", fails));
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
  saga.plan({ a: undo, b: async (id) => (broken ? fails() : undo(id)), c: undo });
  for (const name of ["a", "b", "c"]) await saga.step(name, done);
  assert.equal(await saga.undo(), true);
  assert.deepEqual(undone, ["s/c", "s/a", "s/b"]);
  assert.deepEqual(asked, [["b", "trouble"]]);
  assert.deepEqual(
    saga.steps.map(({ status }) => status),
    ["COMPENSATED", "COMPENSATED", "COMPENSATED"],
  );
});

test("a step that the plan does not know is not begun", async () => {
  const saga = createSaga("s", plain, noRepair);
  saga.plan({ a: done });
  await assert.rejects(
    saga.step("b", () => assert.fail("it is begun")),
    /b is not in the plan/,
  );
  assert.deepEqual(saga.steps, []);
});

test("what a person has settled by hand is not tried again", async () => {
  const saga = createSaga("s", plain, async () => "settled");
  saga.plan({ a: fails });
  await saga.step("a", done);
  assert.equal(await saga.undo(), true);
  assert.deepEqual(saga.steps, [{ name: "a", status: "COMPENSATED" }]);
});

test("a pivot that is refused leaves the way back open, one that happened is never undone", async () => {
  const undone: string[] = [];
  const undo = async (id: string) => undone.push(id) > 0;
  const refused = createSaga("r", plain, noRepair);
  refused.plan({ a: undo });
  await refused.step("a", done);
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
  saga.plan({ a: done });
  await saga.step("a", done);
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
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.nat(6), async (plan, lost) => {
      const books = new Set<string>();
      const saga = createSaga("s", plain, async () => "retry");
      const undo = (undoFailures: number) => {
        let failures = undoFailures;
        return async (id: string) => (failures-- > 0 ? fails() : books.delete(id));
      };
      saga.plan(Object.fromEntries(plan.map(({ undoFailures }, i) => [`step_${i}`, undo(undoFailures)])));
      // A worker that has died since did these.
      for (let i = 0; i < Math.min(lost, plan.length); i++) books.add(`s/step_${i}`);
      try {
        for (const [i, { outcome }] of plan.entries())
          await saga.step(`step_${i}`, async (id) => {
            if (outcome !== "before") books.add(id);
            if (outcome !== "done") await fails();
          });
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
