import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createGrid } from "./grid.ts";

const [width, height, cellSize] = [1_000, 700, 160];
const place = fc.record({ x: fc.integer({ min: 0, max: width }), y: fc.integer({ min: 0, max: height }) });
const moves = fc.array(fc.record({ id: fc.nat(40), to: fc.option(place, { nil: undefined }) }), { maxLength: 200 });

test("after any moves, each cell has the entities that a search through all of them finds in it", () => {
  fc.assert(
    fc.property(moves, (steps) => {
      const grid = createGrid(width, height, cellSize);
      const truth = new Map<number, number>();
      for (const { id, to } of steps) {
        grid.place(id, to ? grid.cellAt(to.x, to.y) : -1);
        if (to) truth.set(id, Math.floor(to.x / cellSize) + 7 * Math.floor(to.y / cellSize));
        else truth.delete(id);
      }
      for (let cell = 0; cell < grid.cells; cell++) {
        const expected = [...truth].filter(([, at]) => at === cell).map(([id]) => id);
        assert.deepEqual([...grid.members(cell)].sort(), expected.sort());
      }
    }),
  );
});

test("the cells around one are those that touch it, and all within a cell's length are in them", () => {
  const grid = createGrid(width, height, cellSize);
  fc.assert(
    fc.property(place, place, (a, b) => {
      const near = grid.near(grid.cellAt(a.x, a.y)).includes(grid.cellAt(b.x, b.y));
      const distance = Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y));
      if (distance <= cellSize) assert.ok(near, "so near is in sight");
      if (distance > 2 * cellSize) assert.ok(!near, "so far is not");
    }),
  );
});

test("a rectangle visits what a search through all entities finds in the cells that it touches", () => {
  fc.assert(
    fc.property(fc.array(place, { maxLength: 60 }), place, place, (places, a, b) => {
      const grid = createGrid(width, height, cellSize);
      for (const [id, { x, y }] of places.entries()) grid.place(id, grid.cellAt(x, y));
      const [minX, maxX] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
      const [minY, maxY] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
      const found = new Set<number>();
      grid.visit(minX, minY, maxX, maxY, (id) => found.add(id));
      for (const [id, { x, y }] of places.entries())
        if (x >= minX && x <= maxX && y >= minY && y <= maxY) assert.ok(found.has(id));
    }),
  );
});

test("places outside, even those that are no number, belong to some cell", () => {
  const grid = createGrid(width, height, cellSize);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e12])
    for (const cell of [grid.cellAt(bad, 0), grid.cellAt(0, bad), grid.cellAt(bad, bad)])
      assert.ok(cell >= 0 && cell < grid.cells);
});
