import { setTimeout as pause } from "node:timers/promises";
import type { Entity } from "#gen/game/world/v1/update_pb.ts";
import { until } from "./until.ts";
import type { WorldPlayer } from "./world-player.ts";

/** Walks the straight line to a place, in the time that it takes. */
export async function walkTo(world: WorldPlayer, x: number, y: number): Promise<void> {
  await until(
    `walks to ${x}, ${y}`,
    async () => {
      const [dx, dy] = [x - world.x, y - world.y];
      const distance = Math.hypot(dx, dy);
      if (distance < 1) return true;
      const share = Math.min(1, 25 / distance);
      world.step(Math.round(world.x + dx * share), Math.round(world.y + dy * share));
      await pause(30);
      return false;
    },
    120_000,
  );
}

export const distanceTo = (world: WorldPlayer, { x, y }: { x: number; y: number }): number =>
  Math.hypot(x - world.x, y - world.y);

/** The nearest living NPC of a kind that the player sees. */
export const nearest = (world: WorldPlayer, kind: string): Entity | undefined =>
  [...world.view.entities.values()]
    .filter(({ npcKind, dead }) => npcKind === kind && !dead)
    .sort((a, b) => distanceTo(world, a) - distanceTo(world, b))[0];
