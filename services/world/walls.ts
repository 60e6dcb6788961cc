import { createGrid } from "./grid.ts";
import type { Rectangle } from "./zone-map.ts";

/** What stands in the way. */
export interface Walls {
  /** Whether anything that stands is met on the straight way from one place to another, its ends included. */
  between(x0: number, y0: number, x1: number, y1: number): boolean;
  /** Makes the wall of that number, in the order of creation, stand or not. */
  set(index: number, stands: boolean): void;
}

/** All of them stand at first. */
export function createWalls(width: number, height: number, cellSize: number, areas: readonly Rectangle[]): Walls {
  const standing = areas.map(() => true);
  // A wall lies in many cells, so this is a grid of the cells' own numbers, with the walls of each beside it.
  const grid = createGrid(width, height, cellSize);
  const wallsOf: number[][] = Array.from({ length: grid.cells }, () => []);
  for (let cell = 0; cell < grid.cells; cell++) grid.place(cell, cell);
  for (const [i, { minX, minY, maxX, maxY }] of areas.entries())
    grid.visit(minX, minY, maxX, maxY, (cell) => wallsOf[cell]!.push(i));

  return {
    between(x0, y0, x1, y1) {
      let met = false;
      grid.visit(Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1), (cell) => {
        if (met) return;
        for (const i of wallsOf[cell]!)
          if (standing[i] && crosses(areas[i]!, x0, y0, x1, y1)) {
            met = true;
            return;
          }
      });
      return met;
    },
    set(index, stands) {
      standing[index] = stands;
    },
  };
}

/** Whether a line from one point to another touches a rectangle (Liang and Barsky: the part of the line inside each of the four sides). */
export function crosses(
  { minX, minY, maxX, maxY }: Rectangle,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): boolean {
  const [dx, dy] = [x1 - x0, y1 - y0];
  let [enter, leave] = [0, 1];
  const clip = (speed: number, distance: number) => {
    if (speed === 0) return distance >= 0;
    const at = distance / speed;
    if (speed < 0) enter = Math.max(enter, at);
    else leave = Math.min(leave, at);
    return enter <= leave;
  };
  return clip(-dx, x0 - minX) && clip(dx, maxX - x0) && clip(-dy, y0 - minY) && clip(dy, maxY - y0);
}
