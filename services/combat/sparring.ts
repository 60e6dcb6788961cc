import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { Command, Outcome } from "./rules/apply.ts";
import type { Catalog } from "./rules/catalog.ts";
import type { Obstacle, Point } from "./rules/geometry.ts";

/** A fight that nobody fights, always the same for the same seed: what benchmarks measure and the committed digest is of. */
export interface Sparring {
  /** What happens next, and when. It depends on what came of the command before: the dead are brought back. */
  next(before?: Outcome): { command: Command; now: number };
  /** Players by number. */
  readonly players: readonly string[];
}

/** An open hall, 30 m by 30 m, with a few columns. */
export const hall: readonly Obstacle[] = [750, 2_250].flatMap((x) =>
  [750, 2_250].map((y) => ({ minX: x - 40, minY: y - 40, maxX: x + 40, maxY: y + 40 })),
);
const side = 3_000;
/** Who has less reach than that goes there first. */
const armCm = 500;

/** @param size players, and half as many NPCs. */
export function createSparring(catalog: Catalog, seed: number, size = 100): Sparring {
  const random = xoroshiro128plus(seed);
  const pick = (count: number) => uniformInt(random, 0, count - 1);
  const somewhere = (): Point => ({ x: pick(side + 1), y: pick(side + 1) });
  const kinds = [...catalog.npcs.keys()];
  const skills = [...catalog.skills.values()].filter(({ by }) => by === "player");
  const players = Array.from({ length: size }, (_, i) => `player-${i}`);
  const npcs = Array.from({ length: Math.ceil(size / 2) }, (_, i) => `npc-${i}`);
  const places = new Map<string, Point>();
  const queue: Command[] = [...players, ...npcs].map(comeIn);
  let now = 0;

  function comeIn(id: string): Command {
    const place = somewhere();
    places.set(id, place);
    const kind = id.startsWith("npc") && kinds[Number(id.slice(4)) % kinds.length]!;
    return { type: "enter", id, ...place, ...(kind && { kind }) };
  }

  function goTo(id: string, place: Point): Command {
    places.set(id, place);
    return { type: "move", id, ...place };
  }

  function castAtSomebody(): Command {
    const id = players[pick(size)]!;
    const skill = skills[pick(skills.length)]!;
    if (skill.target === "point") return { type: "cast", id, skill: skill.id, point: somewhere() };
    const target = skill.target === "ally" ? players[pick(size)]! : npcs[pick(npcs.length)]!;
    const command: Command = { type: "cast", id, skill: skill.id, target };
    if (skill.target !== "enemy" || skill.rangeCm > armCm) return command;
    queue.push(command);
    const { x, y } = places.get(target)!;
    return goTo(id, { x: x + 50, y });
  }

  return {
    players,
    next(before) {
      for (const { kind, target } of before?.effects ?? [])
        if (kind === "revival" || (kind === "death" && target.startsWith("npc"))) queue.push(comeIn(target));
      now += pick(2 * Math.ceil(10_000 / size) + 1);
      const command =
        queue.shift() ?? (pick(10) === 0 ? goTo(npcs[pick(npcs.length)]!, somewhere()) : castAtSomebody());
      return { command, now };
    },
  };
}
