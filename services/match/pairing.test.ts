import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pairUp, reachAfter, type Waiting } from "./pairing.ts";

let count = 0;
const one = (rating: number, waitedS = 0): Waiting => ({ ticketId: `t${count++}`, rating, waitedS });
const waiting = fc.array(
  fc
    .record({ rating: fc.integer({ min: 800, max: 2_400 }), waitedS: fc.integer({ min: 0, max: 200 }) })
    .map(({ rating, waitedS }) => one(rating, waitedS)),
  { maxLength: 60 },
);
const reachEachOther = (a: Waiting, b: Waiting) =>
  Math.abs(a.rating - b.rating) <= reachAfter(a.waitedS) + reachAfter(b.waitedS);

test("nobody is in two pairs, and a pair is never farther apart than both reach", () => {
  fc.assert(
    fc.property(waiting, (all) => {
      const pairs = pairUp(all);
      const paired = pairs.flat();
      assert.equal(new Set(paired).size, paired.length);
      assert.ok(paired.every((ticket) => all.includes(ticket)));
      assert.ok(pairs.every(([a, b]) => a !== b && reachEachOther(a, b)));
    }),
  );
});

test("of those who are left no two reach each other", () => {
  fc.assert(
    fc.property(waiting, (all) => {
      const paired = new Set(pairUp(all).flat());
      const left = all.filter((ticket) => !paired.has(ticket));
      for (const [i, a] of left.entries()) for (const b of left.slice(i + 1)) assert.ok(!reachEachOther(a, b));
    }),
  );
});

test("the first gets the nearest of all whom they reach", () => {
  fc.assert(
    fc.property(waiting, (all) => {
      const first = all[0];
      if (!first) return;
      const distances = all
        .slice(1)
        .flatMap((b) => (reachEachOther(first, b) ? [Math.abs(first.rating - b.rating)] : []));
      const partner = pairUp(all).find(([a]) => a === first)?.[1];
      assert.equal(
        partner && Math.abs(first.rating - partner.rating),
        distances.length > 0 ? Math.min(...distances) : undefined,
      );
    }),
  );
});

test("who has waited long is reached from farther away", () => {
  assert.deepEqual(pairUp([one(1_500), one(1_900)]), []);
  const [old, fresh] = [one(1_500, 60), one(1_900)];
  assert.deepEqual(pairUp([old, fresh]), [[old, fresh]]);
});
