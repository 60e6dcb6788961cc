import { styleText } from "node:util";
import type { Entity } from "#gen/game/world/v1/update_pb.ts";
import type { Rectangle, Zone } from "#gen/game/world/v1/zone_pb.ts";
import type { WorldView } from "../support/world-view.ts";

type Style = Parameters<typeof styleText>[0];

/**
 * A zone as lines of text, a character for each piece of ground (twice as high as wide, as characters are).
 *
 * `#` wall · `+` closed door, `/` open one · `$` chest, `_` open one · `O` portal · `@` oneself · a capital letter another player ·
 * a small letter an NPC · `x` who is dead. What is out of sight is not there.
 */
export function drawZone(zone: Zone, view: WorldView, me: number, columns: number): string[] {
  const rows = Math.max(1, Math.round((columns * zone.height) / zone.width / 2));
  const [stepX, stepY] = [zone.width / columns, zone.height / rows];
  const cells: { mark: string; style: Style }[][] = Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => ({ mark: " ", style: "dim" as Style })),
  );
  const clamp = (value: number, end: number) => Math.max(0, Math.min(end - 1, Math.floor(value)));
  const put = (x: number, y: number, mark: string, style: Style) => {
    cells[clamp(y / stepY, rows)]![clamp(x / stepX, columns)] = { mark, style };
  };
  const fill = ({ minX, minY, maxX, maxY }: Rectangle, mark: string, style: Style) => {
    for (let row = clamp(minY / stepY, rows); row <= clamp(maxY / stepY, rows); row++)
      for (let column = clamp(minX / stepX, columns); column <= clamp(maxX / stepX, columns); column++)
        cells[row]![column] = { mark, style };
  };

  for (const obstacle of zone.obstacles) fill(obstacle, "#", "gray");
  for (const { position } of zone.portals) if (position) put(position.x, position.y, "O", "magenta");
  for (const { objectId, kind, area } of zone.objects) {
    const open = view.objects.get(objectId) ?? false;
    const [closedMark, openMark] = kind === 1 ? ["+", "/"] : ["$", "_"];
    if (area) fill(area, open ? openMark! : closedMark!, "yellow");
  }
  const entities = [...view.entities.values()].sort((a, b) => order(a, me) - order(b, me));
  for (const entity of entities) put(entity.x, entity.y, ...markOf(entity, me));

  const edge = `+${"-".repeat(columns)}+`;
  return [
    edge,
    ...cells.map((row) => `|${row.map(({ mark, style }) => (mark === " " ? mark : styleText(style, mark))).join("")}|`),
    edge,
  ];
}

/** Who is drawn over whom: NPCs, players, oneself. */
const order = ({ entityId, who }: Entity, me: number) => (entityId === me ? 2 : who.case === "userId" ? 1 : 0);

function markOf({ entityId, who, name, dead }: Entity, me: number): [string, Style] {
  if (dead) return ["x", "red"];
  if (entityId === me) return ["@", ["bold", "green"]];
  const letter = name.match(/[a-z]/i)?.[0] ?? "p";
  return who.case === "userId" ? [letter.toUpperCase(), "cyan"] : [letter.toLowerCase(), "red"];
}
