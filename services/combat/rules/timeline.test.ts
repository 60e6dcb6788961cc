import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createTimeline, type Due, schedule, takeDue } from "./timeline.ts";

const kinds: Due["kind"][] = ["think", "cast_end", "aura_tick", "aura_end", "rest", "revival"];

test("what is due comes by time, then rank, then as it was put down, and nothing before its time", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20), fc.constantFrom(...kinds))), fc.nat(25), (plan, now) => {
      const timeline = createTimeline();
      for (const [at, kind] of plan) schedule(timeline, at, kind, "x", 0);
      const all = timeline.heap.toSorted((a, b) => a.at - b.at || a.rank - b.rank || a.order - b.order);
      const taken: Due[] = [];
      for (let due = takeDue(timeline, now); due; due = takeDue(timeline, now)) taken.push(due);
      assert.deepEqual(
        taken,
        all.filter(({ at }) => at <= now),
      );
      assert.equal(timeline.heap.length, all.length - taken.length);
    }),
  );
});
