import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSequence, leap, window } from "./sequence.ts";

test("each number is fresh once, then answered as it was, then too old", () => {
  const sequence = createSequence<string>();
  assert.equal(sequence.judge(1), "fresh");
  sequence.note(1, "one");
  assert.deepEqual(sequence.judge(1), { answered: "one" });
  sequence.note(window + 1, "more");
  assert.equal(sequence.judge(1), "old");
  assert.equal(sequence.judge(2), "fresh", "one that comes late");
});

test("after a restart what was answered before is old, and what is far ahead is refused", () => {
  const sequence = createSequence<string>(500);
  assert.deepEqual([500, 499, 501, 500 + leap, 501 + leap].map(sequence.judge), [
    "old",
    "old",
    "fresh",
    "fresh",
    "ahead",
  ]);
});

test("whatever the order, no number is fresh again after it was answered", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 })), (numbers) => {
      const sequence = createSequence<number>();
      const answered = new Set<number>();
      for (const number of numbers) {
        const judged = sequence.judge(number);
        if (answered.has(number))
          assert.ok(judged === "old" || (typeof judged === "object" && judged.answered === number));
        if (judged !== "fresh") continue;
        sequence.note(number, number);
        answered.add(number);
      }
      assert.equal(sequence.highest, Math.max(0, ...answered));
    }),
  );
});
