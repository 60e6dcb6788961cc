import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The ground that all servers of the measurement have: nothing but ground, a strip in which players come in one beside the other. */
export interface Scene {
  zoneId: string;
  /** Centimetres. */
  width: number;
  height: number;
  cellSize: number;
  /** In the order in which they are given out: so many players more take so much ground more, and each sees as many others as before. */
  homes: { x: number; y: number }[];
}

/** Metres. The ground of a player: about twenty others are in the cells around one's own. */
const ground = 115;
const [width, cellSize] = [160, 16];

export function createScene(players: number): Scene {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const homes = Array.from({ length: players }, (_, i) => ({
    x: Math.round(100 * width * random()),
    y: Math.round((100 * i * ground) / width),
  }));
  const height = Math.ceil((players * ground) / width);
  return { zoneId: "bench", width: 100 * width, height: 100 * height, cellSize: 100 * cellSize, homes };
}

/** Writes it as the world's data file (metres), and for the other servers. @returns the file of these. */
export function layScene({ zoneId, ...scene }: Scene, folder: string): { zones: string; file: string } {
  const zones = join(folder, "zones");
  mkdirSync(zones, { recursive: true });
  const zone = {
    ...{ id: zoneId, name: "Bench", start: true },
    ...{ width: scene.width / 100, height: scene.height / 100, cellSize: scene.cellSize / 100 },
    spawnPoints: scene.homes.map(({ x, y }) => [x / 100, y / 100]),
  };
  writeFileSync(join(zones, "bench.json"), JSON.stringify(zone));
  const file = join(folder, "scene.json");
  writeFileSync(file, JSON.stringify({ zoneId, ...scene }));
  return { zones, file };
}
