import assert from "node:assert/strict";
import { test } from "node:test";
import { newRating } from "./rating.ts";
import { carryOver, seasonOf, seasonOfId } from "./season.ts";

test("a season is a quarter of a year in UTC", () => {
  const ids = ["2026-01-01T00:00:00Z", "2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z", "2026-12-31T23:59:59Z"];
  assert.deepEqual(
    ids.map((time) => seasonOf(new Date(time)).id),
    ["2026-q1", "2026-q1", "2026-q2", "2026-q4"],
  );
  assert.deepEqual(seasonOfId("2026-q3"), { id: "2026-q3", start: new Date("2026-07-01T00:00:00Z") });
});

test("a season begins half way back to where everybody began, and unsure", () => {
  assert.deepEqual(carryOver({ rating: 2_100, deviation: 60, volatility: 0.05 }), {
    rating: 1_800,
    deviation: 200,
    volatility: 0.05,
  });
  assert.deepEqual(carryOver(newRating), newRating);
});
