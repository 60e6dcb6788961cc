import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import glicko2 from "glicko2-lite";
import { age, newRating, type Rating, rate } from "./rating.ts";

const paper: Rating = { rating: 1_500, deviation: 200, volatility: 0.06 };
const opponents: [rating: number, deviation: number, score: number][] = [
  [1_400, 30, 1],
  [1_550, 100, 0],
  [1_700, 300, 0],
];
const games = (list: [number, number, number][]) =>
  list.map(([rating, deviation, score]) => ({ opponent: { rating, deviation, volatility: 0.06 }, score }));

test("the example of Glickman's paper comes out to the digit", () => {
  const after = rate(paper, games(opponents));
  assert.deepEqual(
    [after.rating.toFixed(2), after.deviation.toFixed(2), after.volatility.toFixed(6)],
    ["1464.05", "151.52", "0.059996"],
  );
});

const rating = fc.double({ min: 100, max: 3_500, noNaN: true });
const deviation = fc.double({ min: 20, max: 350, noNaN: true });
const volatility = fc.double({ min: 0.03, max: 0.12, noNaN: true });
const player = fc.record({ rating, deviation, volatility });

test("it agrees with glicko2-lite on any period", () => {
  const played = fc.array(fc.tuple(rating, deviation, fc.constantFrom(0, 0.5, 1)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(player, played, (before, list) => {
      const ours = rate(before, games(list));
      const theirs = glicko2(before.rating, before.deviation, before.volatility, list, { tau: 0.5 });
      assert.ok(Math.abs(ours.rating - theirs.rating) < 1e-3, `${ours.rating} and ${theirs.rating}`);
      assert.ok(Math.abs(ours.deviation - Math.min(350, theirs.rd)) < 1e-3, `${ours.deviation} and ${theirs.rd}`);
      assert.ok(Math.abs(ours.volatility - theirs.vol) < 1e-6, `${ours.volatility} and ${theirs.vol}`);
    }),
  );
});

test("who wins does not fall, who loses does not rise, and both are surer after a game than before it", () => {
  fc.assert(
    fc.property(player, player, (one, other) => {
      const [won] = [rate(one, [{ opponent: other, score: 1 }])];
      const lost = rate(other, [{ opponent: one, score: 0 }]);
      assert.ok(won.rating >= one.rating && lost.rating <= other.rating);
      assert.ok(won.deviation <= Math.hypot(one.deviation, 173.7178 * won.volatility));
    }),
  );
});

test("a rating that is not used stays, and grows unsure up to that of somebody new", () => {
  const later = age(paper, 30);
  assert.equal(later.rating, paper.rating);
  assert.ok(later.deviation > paper.deviation);
  assert.equal(age(paper, 1e9).deviation, newRating.deviation);
  assert.deepEqual(age(paper, 1), rate(paper, []));
});
