import type { Walls } from "./walls.ts";

/** How players walk. */
export interface WalkingRules {
  /** Centimetres per second. */
  maxSpeed: number;
  /** Milliseconds of walking that may be made up for at once: what the network holds back comes in a bunch. */
  slackMs: number;
}

export const walking: WalkingRules = { maxSpeed: 600, slackMs: 600 };

/** Somebody who walks, as far as the rules need to know. */
export interface Walker {
  x: number;
  y: number;
  /** Centimetres that it may go now. */
  stride: number;
  /** When that was so, in milliseconds. */
  strideAt: number;
}

/** What becomes of a step. */
export type StepOutcome = "taken" | "too_fast" | "blocked";

/**
 * Takes a step if it is allowed, and leaves the walker where it is if not. The way allowed grows with time, never with the number of
 * steps, so that many small steps win nothing. A place that is no number, or outside, is blocked.
 */
export function takeStep(
  walker: Walker,
  x: number,
  y: number,
  now: number,
  bounds: { width: number; height: number },
  walls: Walls,
  rules: WalkingRules = walking,
): StepOutcome {
  gainStride(walker, now, rules);
  // Written so that NaN fails it.
  if (!(x >= 0 && y >= 0 && x <= bounds.width && y <= bounds.height)) return "blocked";
  const distance = Math.hypot(x - walker.x, y - walker.y);
  // A client rounds to centimetres, so a step may be that much too long. It is owed: the sum of the steps may not.
  if (distance > walker.stride + 1) return "too_fast";
  if (walls.between(walker.x, walker.y, x, y)) return "blocked";
  walker.stride -= distance;
  walker.x = x;
  walker.y = y;
  return "taken";
}

function gainStride(walker: Walker, now: number, { maxSpeed, slackMs }: WalkingRules): void {
  const gained = (maxSpeed * Math.max(0, now - walker.strideAt)) / 1_000;
  walker.stride = Math.min((maxSpeed * slackMs) / 1_000, walker.stride + gained);
  walker.strideAt = now;
}
