import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { takeStep, type Walker, walking } from "./movement.ts";
import { createWalls, crosses } from "./walls.ts";

const bounds = { width: 10_000, height: 10_000 };
const wall = { minX: 5_000, minY: 0, maxX: 5_100, maxY: 10_000 };
const open = createWalls(bounds.width, bounds.height, 1_600, []);
const walled = createWalls(bounds.width, bounds.height, 1_600, [wall]);
const stand = (x: number, y: number): Walker => ({ x, y, stride: 0, strideAt: 0 });

test("a step at walking speed is taken, a faster one leaves the walker where it is", () => {
  const walker = stand(1_000, 1_000);
  assert.equal(takeStep(walker, 1_030, 1_000, 50, bounds, open), "taken");
  assert.equal(takeStep(walker, 1_100, 1_000, 100, bounds, open), "too_fast");
  assert.deepEqual([walker.x, walker.y], [1_030, 1_000]);
});

test("however the steps are cut, nobody goes farther than the time allows", () => {
  const steps = fc.array(
    fc.record({ ms: fc.nat(200), dx: fc.integer({ min: -90, max: 90 }), dy: fc.integer({ min: -90, max: 90 }) }),
    {
      maxLength: 300,
    },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const walker = stand(5_000, 5_000);
      let [now, way] = [0, 0];
      for (const { ms, dx, dy } of all) {
        now += ms;
        if (takeStep(walker, walker.x + dx, walker.y + dy, now, bounds, open) === "taken") way += Math.hypot(dx, dy);
      }
      assert.ok(way <= (walking.maxSpeed * now) / 1_000 + 1, `${way} cm in ${now} ms`);
    }),
  );
});

test("what the network held back may be made up for, up to the slack, and standing still saves nothing more", () => {
  const walker = stand(1_000, 1_000);
  const slack = (walking.maxSpeed * walking.slackMs) / 1_000;
  assert.equal(takeStep(walker, 1_000 + slack + 50, 1_000, 3_600_000, bounds, open), "too_fast");
  assert.equal(takeStep(walker, 1_000 + slack, 1_000, 3_600_000, bounds, open), "taken");
});

test("places that are no number, infinite or outside are refused", () => {
  const walker = stand(100, 100);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, bounds.width + 1]) {
    assert.equal(takeStep(walker, bad, 100, 1_000, bounds, open), "blocked");
    assert.equal(takeStep(walker, 100, bad, 1_000, bounds, open), "blocked");
  }
  assert.deepEqual([walker.x, walker.y], [100, 100]);
});

test("a clock that goes back gives nothing", () => {
  const walker = { ...stand(100, 100), strideAt: 1_000 };
  assert.equal(takeStep(walker, 200, 100, 0, bounds, open), "too_fast");
});

test("no sequence of steps gets to the other side of a wall", () => {
  const jump = fc.record({
    ms: fc.nat(2_000),
    x: fc.integer({ min: 4_700, max: 5_400 }),
    y: fc.integer({ min: 0, max: 400 }),
  });
  fc.assert(
    fc.property(fc.array(jump, { maxLength: 100 }), (jumps) => {
      const walker = stand(4_800, 200);
      let now = 0;
      for (const { ms, x, y } of jumps) {
        now += ms;
        takeStep(walker, x, y, now, bounds, walled);
        assert.ok(walker.x < wall.minX);
      }
    }),
  );
});

test("a line meets a rectangle when one of many points along it lies inside", () => {
  const point = fc.record({ x: fc.integer({ min: 0, max: 100 }), y: fc.integer({ min: 0, max: 100 }) });
  const area = { minX: 30, minY: 40, maxX: 60, maxY: 70 };
  fc.assert(
    fc.property(point, point, (a, b) => {
      const inside = Array.from({ length: 401 }, (_, i) => i / 400).some((share) => {
        const [x, y] = [a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share];
        return x >= area.minX && x <= area.maxX && y >= area.minY && y <= area.maxY;
      });
      if (inside) assert.ok(crosses(area, a.x, a.y, b.x, b.y));
    }),
  );
  assert.ok(!crosses(area, 0, 0, 100, 20));
  assert.ok(!crosses(area, 0, 75, 25, 100));
  assert.ok(crosses(area, 45, 55, 45, 55), "a place inside");
});

test("a wall that does not stand is walked through", () => {
  const walls = createWalls(bounds.width, bounds.height, 1_600, [wall]);
  assert.ok(walls.between(4_990, 50, 5_200, 50));
  walls.set(0, false);
  assert.ok(!walls.between(4_990, 50, 5_200, 50));
});
