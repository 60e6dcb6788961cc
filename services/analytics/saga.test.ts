import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { durationOf, replaces, type SagaStatus, sagaStatuses } from "./saga.ts";

const at = (status: SagaStatus, seconds: number) => ({ status, statusTime: new Date(seconds * 1_000) });

test("an end is the end, a start comes first, and a repair may follow a call for one", () => {
  for (const end of ["completed", "failed", "compensated", "needs_repair"] as const) {
    assert.equal(replaces(at(end, 1), at("started", 0)), true);
    assert.equal(replaces(at("started", 9), at(end, 1)), false);
    assert.equal(replaces(at(end, 2), at("needs_repair", 1)), end !== "needs_repair");
    assert.equal(replaces(at("needs_repair", 2), at(end, 1)), false);
  }
});

test("in whatever order and however often statuses arrive, it ends as the one that ends it", () => {
  const statuses = fc.constantFrom<SagaStatus>(...sagaStatuses);
  fc.assert(
    fc.property(fc.array(statuses, { minLength: 1 }), fc.constantFrom("completed", "compensated"), (others, end) => {
      // What a saga says of itself: a start, perhaps a call for a person, one end. Repeated and mixed up by the way.
      const said = others.filter((status) => status === "started" || status === "needs_repair");
      const arrivals = [
        ...said.map((status) => at(status, status === "started" ? 0 : 1)),
        at(end as SagaStatus, 2),
        ...said.map((status) => at(status, status === "started" ? 0 : 1)),
      ];
      const last = arrivals.reduce((known, next) => (replaces(next, known) ? next : known));
      assert.equal(last.status, end);
    }),
  );
});

test("clocks that differ make no negative time", () => {
  assert.equal(durationOf({ startTime: new Date(2_000), statusTime: new Date(1_000) }), 0);
});
