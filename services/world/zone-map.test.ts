import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadMaps } from "./maps.ts";
import { checkWorld, parseZoneMap } from "./zone-map.ts";

const good = {
  ...{ id: "test", name: "Test", start: true, width: 100, height: 80.5, cellSize: 16 },
  spawnPoints: [[1, 2]],
  obstacles: [[10, 10, 12, 20]],
  objects: [{ id: "gate", kind: "door", area: [20, 20, 21, 22] }],
  portals: [{ id: "out", at: [5, 5], radius: 2, toZone: "test", toPoint: [1, 2] }],
  npcs: [{ kind: "wolf", name: "Wolf", level: 3, count: 2, area: [30, 30, 40, 40], speed: 2.5, respawnS: 30 }],
  events: [{ id: "moon", name: "Moon", everyS: 60, lastsS: 10, more: { kind: "wolf", count: 1 } }],
};
const parse = (change: object) => parseZoneMap(JSON.stringify({ ...good, ...change }));

test("the sample zones fit together", () => {
  const maps = loadMaps(join(import.meta.dirname, "zones"));
  assert.deepEqual(
    maps.map(({ id }) => id),
    ["forest", "meadow", "ruins"],
  );
});

test("metres of the file are whole centimetres", () => {
  const { width, height, npcs, obstacles } = parse({});
  assert.deepEqual([width, height, npcs[0]!.speed, npcs[0]!.respawnMs], [10_000, 8_050, 250, 30_000]);
  assert.deepEqual(obstacles[0], { minX: 1_000, minY: 1_000, maxX: 1_200, maxY: 2_000 });
});

for (const [what, change, message] of [
  ["a coordinate that is no number", { spawnPoints: [[1, "x"]] }, /zone\.spawnPoints\.0\.1 must be a number/],
  ["a coordinate that is null, as JSON makes NaN", { spawnPoints: [[null, 1]] }, /spawnPoints\.0\.0 must be a number/],
  [
    "an unknown kind of object",
    { objects: [{ ...good.objects[0], kind: "trap" }] },
    /objects\.0\.kind must be door or chest/,
  ],
  ["an id that goes into no header", { id: "The Zone" }, /zone\.id must be/],
  ["no spawn point", { spawnPoints: [] }, /there is no spawn point/],
  ["a spawn point in a wall", { spawnPoints: [[11, 11]] }, /spawn point 0 lies outside or in a wall/],
  ["an obstacle without an area", { obstacles: [[5, 5, 5, 9]] }, /obstacle or object 0 lies outside, or has no area/],
  ["an area outside", { npcs: [{ ...good.npcs[0], area: [90, 0, 110, 10] }] }, /the area of wolf lies outside/],
  ["an event that never ends", { events: [{ ...good.events[0], lastsS: 60 }] }, /event moon never ends/],
  [
    "an event of strangers",
    { events: [{ ...good.events[0], more: { kind: "bear", count: 1 } }] },
    /bear, which does not live/,
  ],
] as const)
  test(`${what} is refused, and the message says where`, () => {
    assert.throws(() => parse(change), message);
  });

test("zones that do not fit together are refused", () => {
  const map = parse({});
  assert.throws(() => checkWorld([map, map]), /same id/);
  assert.throws(() => checkWorld([{ ...map, start: false }]), /one zone, and only one, is the start/);
  const to = (toZone: string, x: number) => [{ ...map.portals[0]!, toZone, toPoint: { x, y: 1_500 } }];
  assert.throws(() => checkWorld([{ ...map, portals: to("nowhere", 1) }]), /leads to nowhere, which is no zone/);
  assert.throws(() => checkWorld([{ ...map, portals: to("test", 1_100) }]), /outside of test or into a wall/);
});
