/** A place, in whole centimetres: sums and products of these are exact, so every machine sees the same. */
export interface Point {
  x: number;
  y: number;
}

/** What nobody sees through, with its edges: an axis-aligned rectangle. */
export interface Obstacle {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** In square centimetres. */
export function distanceSquared(a: Point, b: Point): number {
  const dx = a.x - b.x;
  const dy = a.y - b.y;
  return dx * dx + dy * dy;
}

export const isWithin = (a: Point, b: Point, cm: number): boolean => distanceSquared(a, b) <= cm * cm;

/** Whether nothing stands between two places. Who stands inside an obstacle sees nobody and is seen by nobody. */
export function isInSight(a: Point, b: Point, obstacles: readonly Obstacle[]): boolean {
  for (const obstacle of obstacles) if (crosses(a, b, obstacle)) return false;
  return true;
}

/**
 * Whether the segment from `a` to `b` touches the rectangle: their bounds overlap, and its corners don't all lie on one side of the
 * line (separating axes of a box and a segment). In whole numbers only.
 */
function crosses(a: Point, b: Point, { minX, minY, maxX, maxY }: Obstacle): boolean {
  if (Math.max(a.x, b.x) < minX || Math.min(a.x, b.x) > maxX) return false;
  if (Math.max(a.y, b.y) < minY || Math.min(a.y, b.y) > maxY) return false;
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const side = (x: number, y: number) => dx * (y - a.y) - dy * (x - a.x);
  const corners = [side(minX, minY), side(maxX, minY), side(maxX, maxY), side(minX, maxY)];
  return !corners.every((one) => one > 0) && !corners.every((one) => one < 0);
}
