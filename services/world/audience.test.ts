import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { PlayResponseSchema } from "#gen/game/world/v1/world_service_pb.ts";
import { WatchZoneResponseSchema } from "#gen/game/world/v1/zone_feed_service_pb.ts";
import { envelopeHead } from "#kit/envelope.ts";
import { createWorldView, type WorldView } from "../../tests/support/world-view.ts";
import { createAudience } from "./audience.ts";
import { createZoneFeed } from "./feed.ts";
import type { Outlet } from "./outlet.ts";
import { createSession, type Session } from "./session.ts";
import { createZone, type Zone } from "./zone.ts";
import type { ZoneMap } from "./zone-map.ts";

const map: ZoneMap = {
  ...{ id: "test", name: "Test", start: true, width: 10_000, height: 8_000, cellSize: 1_600 },
  ...{ obstacles: [], portals: [], objects: [], events: [] },
  spawnPoints: [{ x: 100, y: 100 }],
  npcs: [
    {
      ...{ kind: "wolf", name: "Wolf", level: 3, count: 12, speed: 900, respawnMs: 300 },
      area: { minX: 0, minY: 0, maxX: 10_000, maxY: 8_000 },
    },
  ],
};

/** A client that reads at once, or not at all. */
interface Client {
  session: Session;
  view: WorldView;
  reading: boolean;
  snapshots: number;
  updates: number;
}

function createClient(zone: Zone, name: string, now: number): Client {
  const player = zone.enter(name, name, undefined, now);
  const session = createSession(player, "", { sessionId: "", expiresAt: Number.POSITIVE_INFINITY });
  const client: Client = { session, view: createWorldView(), reading: true, snapshots: 0, updates: 0 };
  const outlet: Outlet = {
    get ready() {
      return client.reading;
    },
    push(message) {
      const { event } = fromBinary(PlayResponseSchema, message.subarray(envelopeHead));
      assert.equal(event.case, "update");
      const update = event.value as Extract<typeof event, { case: "update" }>["value"];
      if (client.updates > 0) assert.equal(update.seq, client.updates + 1, "updates count up by one");
      client.updates = update.seq;
      if (update.snapshot) client.snapshots++;
      client.view.apply(update);
    },
    end: () => undefined,
  };
  session.outlet = outlet;
  return client;
}

const cellOf = (value: number) => Math.floor(value / map.cellSize);
const sees = (me: { x: number; y: number }, it: { x: number; y: number }) =>
  Math.abs(cellOf(me.x) - cellOf(it.x)) <= 1 && Math.abs(cellOf(me.y) - cellOf(it.y)) <= 1;

/** What a client ought to know, found by a search through everything. */
function truthFor(zone: Zone, { session }: Client) {
  const me = session.player.entity;
  return [...zone.entities.all()]
    .filter((it) => sees(me, it))
    .map(({ id, key, x, y, dead, life }) => ({ id, key, x, y, dead, life }))
    .sort((a, b) => a.id - b.id);
}

const known = ({ view }: { view: WorldView }) =>
  [...view.entities.values()]
    .map(({ entityId, who, x, y, dead, life }) => ({ id: entityId, key: who.value, x, y, dead, life }))
    .sort((a, b) => a.id - b.id);

const action = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant("join" as const), who: fc.nat(11) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), who: fc.nat(11) }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      who: fc.nat(11),
      x: fc.integer({ min: 0, max: map.width }),
      y: fc.integer({ min: 0, max: map.height }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("stall" as const), who: fc.nat(11) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("kill" as const), who: fc.nat(23) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("tick" as const), who: fc.constant(0) }) },
);

test("whatever happens, every client that reads knows what a search through the whole zone finds in its sight, and the feed knows all", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 250 }), (actions) => {
      let now = 1_000_000;
      const zone = createZone(map, 42, now);
      const audience = createAudience(zone, 1e9, { dropped: () => undefined, tooSlow: () => undefined });
      const feed = createZoneFeed(zone);
      const feedView = createWorldView();
      feed.watch({
        ready: true,
        push: (message) => feedView.apply(fromBinary(WatchZoneResponseSchema, message.subarray(envelopeHead))),
        end: () => undefined,
      });
      const clients = new Map<number, Client>();
      const tick = () => {
        now += 50;
        zone.advance(now);
        audience.tell(
          [...clients.values()].map(({ session }) => session),
          now,
        );
        feed.tell(now);
        zone.entities.clearChanges();
        for (const client of clients.values())
          if (client.reading) assert.deepEqual(known(client), truthFor(zone, client));
        const all = [...zone.entities.all()].map(({ id, key, x, y, dead, life }) => ({ id, key, x, y, dead, life }));
        assert.deepEqual(
          known({ view: feedView }),
          all.sort((a, b) => a.id - b.id),
        );
      };
      for (const step of actions) {
        const client = clients.get(step.who);
        if (step.do === "join" && !client) clients.set(step.who, createClient(zone, `p${step.who}`, now));
        if (step.do === "leave" && client) {
          zone.leave(client.session.player);
          clients.delete(step.who);
        }
        if (step.do === "put" && client) zone.entities.put(client.session.player.entity, step.x, step.y);
        if (step.do === "stall" && client) client.reading = !client.reading;
        if (step.do === "kill") {
          const victim = [...zone.entities.all()][step.who];
          if (victim) zone.kill(victim, victim.life, now);
        }
        if (step.do === "tick") tick();
      }
      for (const client of clients.values()) client.reading = true;
      tick();
    }),
    { numRuns: 200 },
  );
});

test("who reads again after a stall gets a snapshot, and others never noticed", () => {
  let now = 0;
  const zone = createZone(map, 1, now);
  let dropped = 0;
  const audience = createAudience(zone, 1e9, { dropped: () => dropped++, tooSlow: () => undefined });
  const [ann, bob] = [createClient(zone, "ann", now), createClient(zone, "bob", now)];
  const tick = () => {
    now += 50;
    zone.advance(now);
    zone.entities.put(bob.session.player.entity, 100 + now / 50, 100);
    audience.tell([ann.session, bob.session], now);
    zone.entities.clearChanges();
  };
  tick();
  ann.reading = false;
  for (let i = 0; i < 20; i++) tick();
  assert.deepEqual([ann.updates, bob.updates, dropped], [1, 21, 20]);
  ann.reading = true;
  tick();
  assert.deepEqual([ann.updates, ann.snapshots, bob.snapshots], [2, 2, 1]);
  assert.deepEqual(known(ann), truthFor(zone, ann));
});

test("a reader that stays behind is given up after its patience", () => {
  const zone = createZone(map, 1, 0);
  const slow: Session[] = [];
  const audience = createAudience(zone, 1_000, { dropped: () => undefined, tooSlow: (session) => slow.push(session) });
  const client = createClient(zone, "ann", 0);
  client.reading = false;
  for (let now = 50; now <= 1_050; now += 50) audience.tell([client.session], now);
  assert.equal(slow.length, 0);
  audience.tell([client.session], 1_100);
  assert.deepEqual(slow, [client.session]);
});

test("in a zone where nothing happens an update comes once a second", () => {
  const zone = createZone({ ...map, npcs: [] }, 1, 0);
  const audience = createAudience(zone, 1e9, { dropped: () => undefined, tooSlow: () => undefined });
  const client = createClient(zone, "ann", 0);
  for (let now = 50; now <= 3_000; now += 50) {
    zone.advance(now);
    audience.tell([client.session], now);
    zone.entities.clearChanges();
  }
  assert.equal(client.updates, 3);
});
