import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { durationOf, replaces, type SagaStatus } from "./saga.ts";

const at = (status: SagaStatus, seconds: number) => ({ status, statusTime: new Date(seconds * 1_000) });

test("a start comes first, an undoing is for good, and a repair may follow a call for one", () => {
  for (const end of ["completed", "failed", "compensated", "needs_repair"] as const) {
    assert.equal(replaces(at(end, 1), at("started", 0)), true);
    assert.equal(replaces(at("started", 9), at(end, 1)), false);
    assert.equal(replaces(at(end, 2), at("needs_repair", 1)), end !== "needs_repair");
    assert.equal(replaces(at("needs_repair", 2), at(end, 1)), end === "completed");
  }
});

test("a worker said completed and died; the next one's undoing holds, in whatever order the two are heard", () => {
  for (const undone of ["failed", "compensated"] as const) {
    assert.equal(replaces(at(undone, 2), at("completed", 1)), true);
    assert.equal(replaces(at("completed", 1), at(undone, 2)), false);
    // a worker that stood still says it with the time at which it woke
    assert.equal(replaces(at("completed", 3), at(undone, 2)), false);
  }
});

test("in whatever order and however often statuses arrive, it ends as the one that ends it", () => {
  // What a saga says of itself: a start, perhaps a call for a person, one end; before an undoing perhaps an end that was forgotten.
  const ends = fc.constantFrom(at("completed", 3), at("failed", 3), at("compensated", 3));
  const arrivals = ends.chain((end) => {
    const forgotten = end.status === "completed" ? [] : [at("completed", 1)];
    return fc.subarray([at("started", 0), ...forgotten, at("needs_repair", 2)]).chain((before) => {
      const said = [...before, end];
      const once = fc.shuffledSubarray(said, { minLength: said.length });
      return fc.tuple(once, fc.array(fc.constantFrom(...said)), fc.constant(end.status));
    });
  });
  fc.assert(
    fc.property(arrivals, ([once, again, end]) => {
      const last = [...once, ...again].reduce((known, next) => (replaces(next, known) ? next : known));
      assert.equal(last.status, end);
    }),
  );
});

test("clocks that differ make no negative time", () => {
  assert.equal(durationOf({ startTime: new Date(2_000), statusTime: new Date(1_000) }), 0);
});
