import type { Rectangle, Zone } from "#gen/game/world/v1/zone_pb.ts";

export interface Place {
  x: number;
  y: number;
}

/** How far people stay away from walls, and how long they walk at the most, in centimetres. */
const distance = 40;
const longest = 2_500;

/** Somewhere to walk to in a straight line past all walls and things, or undefined when none was found. */
export function chooseGoal(zone: Zone, from: Place, random: () => number): Place | undefined {
  const walls = [...zone.obstacles, ...zone.objects.flatMap(({ area }) => area ?? [])];
  for (let attempt = 0; attempt < 20; attempt++) {
    const angle = 2 * Math.PI * random();
    const length = 200 + (longest - 200) * random();
    const goal = { x: Math.round(from.x + length * Math.cos(angle)), y: Math.round(from.y + length * Math.sin(angle)) };
    const inside =
      goal.x > distance && goal.y > distance && goal.x < zone.width - distance && goal.y < zone.height - distance;
    if (inside && !walls.some((wall) => meets(from, goal, wall))) return goal;
  }
  return undefined;
}

/** The next step of at most `stride` centimetres. */
export function stepTowards(from: Place, goal: Place, stride: number): Place {
  const way = Math.hypot(goal.x - from.x, goal.y - from.y);
  if (way <= stride) return goal;
  const share = stride / way;
  return { x: Math.round(from.x + (goal.x - from.x) * share), y: Math.round(from.y + (goal.y - from.y) * share) };
}

/** Whether the line comes near the wall, by looking at it every 20 cm. */
function meets(from: Place, goal: Place, { minX, minY, maxX, maxY }: Rectangle): boolean {
  const looks = Math.ceil(Math.hypot(goal.x - from.x, goal.y - from.y) / 20);
  for (let i = 0; i <= looks; i++) {
    const x = from.x + ((goal.x - from.x) * i) / looks;
    const y = from.y + ((goal.y - from.y) * i) / looks;
    if (x > minX - distance && x < maxX + distance && y > minY - distance && y < maxY + distance) return true;
  }
  return false;
}
