import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Entity } from "./entity.ts";
import { stepPace } from "./pace.ts";
import { createZone, type Player, tickMs, type Zone } from "./zone.ts";
import { contains, type ZoneMap } from "./zone-map.ts";

const map: ZoneMap = {
  ...{ id: "test", name: "Test", start: true, width: 10_000, height: 10_000, cellSize: 1_600 },
  spawnPoints: [{ x: 1_000, y: 1_000 }],
  obstacles: [{ minX: 2_000, minY: 0, maxX: 2_100, maxY: 4_000 }],
  objects: [
    { id: "gate", kind: "door", area: { minX: 2_000, minY: 4_001, maxX: 2_100, maxY: 4_400 }, closesAfterMs: 0 },
    { id: "chest", kind: "chest", area: { minX: 1_200, minY: 1_000, maxX: 1_300, maxY: 1_100 }, closesAfterMs: 5_000 },
  ],
  portals: [{ id: "out", at: { x: 1_000, y: 1_200 }, radius: 250, toZone: "else", toPoint: { x: 1, y: 1 } }],
  npcs: [
    {
      ...{ kind: "wolf", name: "Wolf", level: 3, count: 5, speed: 300, respawnMs: 10_000 },
      area: { minX: 1_500, minY: 500, maxX: 4_000, maxY: 6_000 },
    },
  ],
  events: [{ id: "moon", name: "Moon", everyMs: 100_000, lastsMs: 20_000, more: { kind: "wolf", count: 3 } }],
};
/** Between two events. */
const start = 1_050_000;

const wolves = (zone: Zone): Entity[] => [...zone.entities.all()].filter(({ kind }) => kind === "wolf");

/** Runs a zone from `from` for `ms`. @returns when it is then. */
function run(zone: Zone, from: number, ms: number, each: (now: number) => void = () => undefined): number {
  for (let now = from + tickMs; now <= from + ms; now += tickMs) {
    zone.advance(now);
    each(now);
    zone.entities.clearChanges();
  }
  return from + ms;
}

describe("NPCs", () => {
  test("live where their rules say, wander without walking through walls or faster than they can, and rest", () => {
    const zone = createZone(map, 7, start);
    const area = map.npcs[0]!.area;
    const last = new Map(wolves(zone).map(({ key, x, y }) => [key, { x, y }]));
    const far = new Set<string>();
    assert.equal(last.size, 5);
    run(zone, start, 49_000, () => {
      for (const { key, x, y } of wolves(zone)) {
        assert.ok(contains(area, { x, y }));
        assert.ok(!contains(map.obstacles[0]!, { x, y }));
        const before = last.get(key)!;
        const way = Math.hypot(x - before.x, y - before.y);
        assert.ok(way <= (300 * tickMs * 4) / 1_000 + 1);
        if (way > 0) far.add(key);
        last.set(key, { x, y });
      }
    });
    assert.equal(far.size, 5, "all of them wander");
  });

  test("the same seed gives the same lives", () => {
    const places = (seed: number) => {
      const zone = createZone(map, seed, start);
      run(zone, start, 20_000);
      return wolves(zone).map(({ key, x, y }) => [key, x, y]);
    };
    assert.deepEqual(places(3), places(3));
    assert.notDeepEqual(places(3), places(4));
  });

  test("one that dies lies still, and begins another life after its time", () => {
    const zone = createZone(map, 7, start);
    let now = run(zone, start, 5_000);
    const [wolf] = wolves(zone);
    zone.kill(wolf!, 1, now);
    const { x, y } = wolf!;
    now = run(zone, now, 9_900);
    assert.deepEqual([wolf!.dead, wolf!.life, wolf!.x, wolf!.y], [true, 1, x, y]);
    run(zone, now, 400);
    assert.deepEqual([wolf!.dead, wolf!.life], [false, 2]);
  });

  test("an event brings more of them for its time, and takes them away again", () => {
    const zone = createZone(map, 7, start);
    const told: string[] = [];
    const note = () => told.push(...zone.entities.changes.events.map(({ id, active }) => `${id} ${active}`));
    let now = run(zone, start, 50_100, note);
    assert.equal(wolves(zone).length, 8);
    assert.deepEqual(zone.activeEvents(now), [{ id: "moon", name: "Moon", active: true, remainingS: 20 }]);
    now = run(zone, now, 20_000, note);
    assert.equal(wolves(zone).length, 5);
    assert.deepEqual(told, ["moon true", "moon false"]);
    assert.deepEqual(zone.activeEvents(now), []);
  });
});

describe("a player", () => {
  const join = (zone: Zone, name = "ann"): Player => zone.enter(name, name, undefined, start);

  test("comes in at a spawn point, or where they were if nothing stands there now", () => {
    const zone = createZone(map, 1, start);
    const at = (x: number, y: number) => zone.enter("p", "p", { x, y, life: 4, dead: true }, start).entity;
    assert.deepEqual([at(50, 60).x, at(50, 60).life, at(50, 60).dead], [50, 4, true]);
    assert.deepEqual([at(2_050, 100).x, at(2_050, 100).y], [1_000, 1_000], "a wall by now");
    assert.deepEqual([at(-5, 1e9).x, at(-5, 1e9).y], [1_000, 1_000], "outside by now");
  });

  test("dies once a life, and stays dead to late news of it", () => {
    const zone = createZone(map, 1, start);
    const { entity } = join(zone);
    zone.kill(entity, 2, start);
    assert.ok(!entity.dead, "a life that has not begun does not end");
    zone.kill(entity, 1, start);
    zone.revive(entity, 1, true, start);
    zone.kill(entity, 1, start);
    assert.deepEqual([entity.dead, entity.life], [false, 2]);
    zone.revive(entity, 1, true, start);
    assert.equal(entity.life, 2);
  });

  test("whatever numbers come, only rising ones count, and each at most once", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 60 }), (numbers) => {
        const zone = createZone(map, 1, start);
        const player = join(zone);
        let highest = 0;
        for (const seq of numbers) {
          const result = zone.step(player, seq, player.entity.x, player.entity.y, start);
          assert.equal(result, seq > highest ? "taken" : "seq_replayed");
          highest = Math.max(highest, seq);
          assert.equal(player.ackedSeq, highest);
        }
      }),
    );
  });

  test("sends so many steps at once and in a second, and no more", () => {
    const zone = createZone(map, 1, start);
    const player = join(zone);
    let seq = 0;
    const burst = (now: number) => {
      let taken = 0;
      for (let i = 0; i < 500; i++) {
        const result = zone.step(player, ++seq, player.entity.x, player.entity.y, now);
        if (result === "taken") taken++;
        else assert.equal(result, "moves_flooded");
      }
      return taken;
    };
    assert.equal(burst(start), stepPace.burst);
    assert.equal(burst(start + 1_000), stepPace.perSecond);
  });

  test("uses a portal in reach, and none from afar or unknown", () => {
    const zone = createZone(map, 1, start);
    const player = join(zone);
    const portal = zone.portal(player, 1, "out", start);
    assert.equal(typeof portal === "object" && portal.toZone, "else");
    assert.equal(zone.portal(player, 2, "in", start), "portal_unknown");
    zone.entities.put(player.entity, 5_000, 5_000);
    assert.equal(zone.portal(player, 3, "out", start), "out_of_reach");
    zone.kill(player.entity, 1, start);
    assert.equal(zone.portal(player, 4, "out", start), "dead");
  });

  test("opens a door, walks through, and cannot close it on somebody", () => {
    const zone = createZone(map, 1, start);
    const player = join(zone);
    zone.entities.put(player.entity, 1_950, 4_200);
    const step = (seq: number, x: number, at: number) => zone.step(player, seq, x, 4_200, at);
    assert.equal(step(1, 2_050, start + 1_000), "blocked");
    assert.ok(typeof zone.interact(player, 2, "gate", start) === "object");
    assert.equal(step(3, 2_050, start + 1_000), "taken");
    assert.equal(zone.interact(player, 4, "gate", start + 1_000), "object_busy");
    assert.equal(step(5, 2_200, start + 2_000), "taken");
    assert.ok(typeof zone.interact(player, 6, "gate", start + 2_000) === "object");
    assert.equal(step(7, 2_050, start + 3_000), "blocked");
  });

  test("opens a chest that nobody has open, and it closes by itself", () => {
    const zone = createZone(map, 1, start);
    const [ann, bob] = [join(zone, "ann"), join(zone, "bob")];
    assert.ok(typeof zone.interact(ann, 1, "chest", start) === "object");
    assert.equal(zone.interact(bob, 1, "chest", start), "object_busy");
    assert.equal(zone.interact(bob, 2, "crate", start), "object_unknown");
    const now = run(zone, start, 5_000);
    assert.ok(typeof zone.interact(bob, 3, "chest", now) === "object");
  });
});
