// What the baselines share with the world: its rules of walking and its grid. They differ in how players are told.
import { readFileSync } from "node:fs";
import { createGrid } from "../../../../services/world/grid.ts";
import { takeStep } from "../../../../services/world/movement.ts";
import { createWalls } from "../../../../services/world/walls.ts";

export function openGround(file) {
  const scene = JSON.parse(readFileSync(file, "utf8"));
  const grid = createGrid(scene.width, scene.height, scene.cellSize);
  const walls = createWalls(scene.width, scene.height, scene.cellSize, []);
  let entered = 0;
  return {
    grid,
    /** A place for one more player. */
    enter() {
      const { x, y } = scene.homes[entered++ % scene.homes.length];
      return { x, y, stride: 0, strideAt: Date.now() };
    },
    /** Takes a step as the world does. @returns whether it was allowed. */
    step: (walker, x, y) => takeStep(walker, x, y, Date.now(), scene, walls) === "taken",
  };
}

const bounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1];

/** Counts steps and ticks under the names that the world has for them. */
export function createMeter() {
  const buckets = bounds.map(() => 0);
  let [steps, ticks] = [0, 0];
  return {
    noteStep: () => void steps++,
    /** Runs and times one tick. */
    tick(work) {
      const start = performance.now();
      const result = work();
      const seconds = (performance.now() - start) / 1_000;
      ticks++;
      for (const [i, bound] of bounds.entries()) if (seconds <= bound) buckets[i]++;
      return result;
    },
    /** As Prometheus reads it. */
    text: () =>
      [
        `game_world_steps_total ${steps}`,
        ...bounds.map((bound, i) => `game_world_tick_duration_seconds_bucket{le="${bound}"} ${buckets[i]}`),
        `game_world_tick_duration_seconds_bucket{le="+Inf"} ${ticks}`,
        "",
      ].join("\n"),
  };
}
