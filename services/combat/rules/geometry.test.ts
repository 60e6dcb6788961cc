import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isInSight, isWithin } from "./geometry.ts";

const wall = { minX: 100, minY: 100, maxX: 200, maxY: 200 };
const cases: [what: string, from: [number, number], to: [number, number], seen: boolean][] = [
  ["beside it", [0, 0], [0, 300], true],
  ["through it", [0, 150], [300, 150], false],
  ["through it aslant", [50, 50], [250, 250], false],
  ["along its edge", [0, 100], [300, 100], false],
  ["touching a corner", [0, 200], [200, 0], false],
  ["just past a corner", [0, 199], [199, 0], true],
  ["up to it and no farther", [0, 150], [99, 150], true],
  ["out of it", [150, 150], [300, 150], false],
  ["past it on the far side", [300, 300], [301, 0], true],
];
for (const [what, [ax, ay], [bx, by], seen] of cases)
  test(`a wall and a look ${what}`, () => {
    assert.equal(isInSight({ x: ax, y: ay }, { x: bx, y: by }, [wall]), seen);
    assert.equal(isInSight({ x: bx, y: by }, { x: ax, y: ay }, [wall]), seen);
  });

const coordinate = fc.integer({ min: -400, max: 400 });
const point = fc.record({ x: coordinate, y: coordinate });
const obstacle = fc
  .tuple(point, fc.nat(200), fc.nat(200))
  .map(([{ x, y }, width, height]) => ({ minX: x, minY: y, maxX: x + width, maxY: y + height }));

test("sight is what cutting the line at the edges of the rectangle gives, exactly", () => {
  fc.assert(
    fc.property(point, point, obstacle, (a, b, one) => {
      assert.equal(isInSight(a, b, [one]), !clips(a, b, one));
    }),
    { numRuns: 2_000 },
  );
});

/** Liang and Barsky's clipping, in fractions of whole numbers: whether some t from 0 to 1 lies inside. */
function clips(a: { x: number; y: number }, b: { x: number; y: number }, r: typeof wall): boolean {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  let low: [number, number] = [0, 1];
  let high: [number, number] = [1, 1];
  const less = ([n, d]: [number, number], [m, e]: [number, number]) => n * e < m * d;
  const edges: [number, number][] = [
    [-dx, a.x - r.minX],
    [dx, r.maxX - a.x],
    [-dy, a.y - r.minY],
    [dy, r.maxY - a.y],
  ];
  for (const [p, q] of edges) {
    if (p === 0 && q < 0) return false;
    if (p === 0) continue;
    const t: [number, number] = p > 0 ? [q, p] : [-q, -p];
    if (p < 0 && less(low, t)) low = t;
    if (p > 0 && less(t, high)) high = t;
  }
  return !less(high, low);
}

test("a range includes its end", () => {
  assert.equal(isWithin({ x: 0, y: 0 }, { x: 300, y: 400 }, 500), true);
  assert.equal(isWithin({ x: 0, y: 0 }, { x: 300, y: 401 }, 500), false);
});
