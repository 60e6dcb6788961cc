/**
 * `npm run watch:world`: a zone of the running platform in the terminal, live, through the edge, as a player sees it. Arrow keys or WASD
 * walk, space opens and closes what is near, p goes through a portal, q leaves. Without a terminal: one picture.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import type { Rectangle, Zone } from "#gen/game/world/v1/zone_pb.ts";
import { addresses, format } from "../../mesh/local/topology.ts";
import { createEdgeTransport } from "../support/clients.ts";
import { until } from "../support/until.ts";
import { joinWorld, type WorldPlayer } from "../support/world-player.ts";
import { drawZone } from "./world-frame.ts";

const edge = process.env.EDGE_URL ?? `http://${format(addresses(0).edge)}`;
const frameMs = 100;
/** Centimetres in a tick, a little less than the fastest. */
const stride = 28;
/** How long a key that is held counts on, in milliseconds: terminals repeat keys, and do not tell of their end. */
const heldMs = 250;

const keys: Record<string, [number, number]> = {
  ...{ "\u001b[A": [0, -1], "\u001b[B": [0, 1], "\u001b[C": [1, 0], "\u001b[D": [-1, 0] },
  ...{ w: [0, -1], s: [0, 1], d: [1, 0], a: [-1, 0] },
};

async function login(): Promise<string> {
  const credentials = { username: `eye-${randomBytes(3).toString("hex")}`, password: randomBytes(12).toString("hex") };
  const auth = createClient(AuthService, createEdgeTransport(edge));
  await auth.register(credentials);
  return (await auth.authenticate({ ...credentials, clientVersion: "watch" })).accessToken;
}

/** Whatever the player can reach, or the portal that they stand in. */
const distance = ({ minX, minY, maxX, maxY }: Rectangle, { x, y }: WorldPlayer) =>
  Math.hypot(Math.max(minX - x, 0, x - maxX), Math.max(minY - y, 0, y - maxY));

function openNearest(zone: Zone, player: WorldPlayer): void {
  const [nearest] = zone.objects
    .filter(({ area }) => area && distance(area, player) < 300)
    .sort((a, b) => distance(a.area!, player) - distance(b.area!, player));
  if (nearest) player.interact(nearest.objectId);
}

function usePortal(zone: Zone, player: WorldPlayer): void {
  const near = zone.portals.find(
    ({ position, radius }) => position && Math.hypot(position.x - player.x, position.y - player.y) <= radius,
  );
  if (near) player.usePortal(near.portalId);
}

function picture(zone: Zone, player: WorldPlayer, columns: number, ageMs: number): string[] {
  const { view } = player;
  const seen = [...view.entities.values()];
  const players = seen.filter(({ who }) => who.case === "userId").length;
  const events = [...view.events.values()].map(({ name }) => name).join(", ");
  return [
    `${zone.name}  tick ${view.tick}  at ${(player.x / 100).toFixed(1)}, ${(player.y / 100).toFixed(1)}  by ${player.instance}`,
    ...drawZone(zone, view, player.entityId, columns),
    `in sight: ${players} players, ${seen.length - players} NPCs  last update ${ageMs.toFixed(0)} ms ago${events && `  ${events}`}`,
    "arrows walk · space opens · p portal · q leaves",
  ];
}

async function watch(): Promise<void> {
  const token = await login();
  const worlds = createClient(WorldService, createEdgeTransport(edge, { token }));
  const player = await joinWorld(edge, { token });
  const zones = new Map<string, Zone>();
  let heardAt = 0;
  player.onUpdate(() => {
    heardAt = performance.now();
  });
  const zoneOf = async (zoneId: string) => {
    const zone = zones.get(zoneId) ?? (await worlds.getZone({ zoneId })).zone!;
    zones.set(zoneId, zone);
    return zone;
  };
  const columns = Math.max(20, Math.min((process.stdout.columns ?? 100) - 2, 120));
  await until("the first update comes", async () => player.view.tick > 0);
  if (!process.stdout.isTTY || !process.stdin.isTTY) {
    console.log(picture(await zoneOf(player.zoneId), player, columns, performance.now() - heardAt).join("\n"));
    return await player.leave();
  }

  let direction: [number, number] = [0, 0];
  let pressedAt = 0;
  let leaving = false;
  process.stdin.setRawMode(true).on("data", (data) => {
    const key = data.toString();
    const zone = zones.get(player.zoneId);
    if (keys[key]) [direction, pressedAt] = [keys[key], performance.now()];
    else if (key === " " && zone) openNearest(zone, player);
    else if (key === "p" && zone) usePortal(zone, player);
    else if (key === "q" || key === "\u0003") leaving = true;
  });
  const walking = setInterval(() => {
    if (performance.now() - pressedAt > heldMs) return;
    const [dx, dy] = direction;
    player.step(player.x + dx * stride, player.y + dy * stride);
  }, 50);
  process.stdout.write("\u001b[?1049h\u001b[?25l");
  try {
    while (!leaving) {
      const lines = picture(await zoneOf(player.zoneId), player, columns, performance.now() - heardAt);
      process.stdout.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join("\n")}\u001b[J`);
      await Promise.race([pause(frameMs), player.ended]);
    }
  } finally {
    clearInterval(walking);
    process.stdout.write("\u001b[?25h\u001b[?1049l");
  }
  await player.leave();
}

try {
  await watch();
  process.exit(0);
} catch (error) {
  console.error(`${(error as Error).message}\nThe platform must run: npm start`);
  process.exit(1);
}
