/** For the tests of this service: a world with one zone, which does as it is told. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { EntitySchema } from "#gen/game/world/v1/update_pb.ts";
import { type WatchZoneResponse, WatchZoneResponseSchema } from "#gen/game/world/v1/zone_feed_service_pb.ts";
import { ObjectKind, ZoneSchema } from "#gen/game/world/v1/zone_pb.ts";
import { createBell } from "#kit/bell.ts";
import type { WorldLink } from "./world-link.ts";

export const zoneId = "meadow";

interface Being {
  entityId: number;
  id: string;
  npcKind: string | undefined;
  x: number;
  y: number;
  dead: boolean;
  life: number;
}

type Message = MessageInitShape<typeof WatchZoneResponseSchema>;

export interface TestWorld extends WorldLink {
  /** Lets somebody in, or puts them elsewhere. Without a kind: a player. */
  put(id: string, x: number, y: number, npcKind?: string): void;
  remove(id: string): void;
  /** Closes the gate, a door from (500, -100) to (510, 100), or opens it. */
  gate(open: boolean): void;
  being(id: string): Being | undefined;
  /** Lets the next life of an NPC begin. */
  revive(id: string): void;
  /** Ends all streams; until it is over nobody gets one. */
  leave(): void;
  comeBack(): void;
  /** While it is deaf, it hears of no death. */
  deaf: boolean;
}

export function createTestWorld(): TestWorld {
  const beings = new Map<string, Being>();
  const readers = new Set<(message: Message | Error) => void>();
  let away = false;
  let count = 0;
  let gateOpen = true;

  const tell = (message: Message) => {
    for (const read of readers) read(message);
  };
  const entityOf = ({ npcKind, id, ...one }: Being) =>
    create(EntitySchema, {
      ...one,
      who: npcKind ? { case: "npcId", value: id } : { case: "userId", value: id },
      npcKind: npcKind ?? "",
    });
  const snapshot = (): Message => ({
    snapshot: true,
    spawns: [...beings.values()].map(entityOf),
    objects: [{ objectId: "gate", open: gateOpen }],
  });
  const vitalsOf = ({ entityId, dead, life }: Being): Message => ({ vitals: [{ entityId, dead, life }] });
  const requireBack = () => {
    if (away) throw new ConnectError("no healthy upstream", Code.Unavailable);
  };

  function revive(being: Being, x: number, y: number): void {
    Object.assign(being, { dead: false, life: being.life + 1, x, y });
    tell({ ...vitalsOf(being), moves: [being.entityId, x, y] });
  }

  return {
    deaf: false,
    async getZone(name) {
      requireBack();
      if (name !== zoneId) throw new ConnectError("there is no such zone", Code.NotFound);
      return create(ZoneSchema, {
        zoneId,
        width: 10_000,
        height: 10_000,
        obstacles: [{ minX: 0, minY: 5_000, maxX: 10_000, maxY: 5_010 }],
        objects: [
          { objectId: "gate", kind: ObjectKind.DOOR, area: { minX: 500, minY: -100, maxX: 510, maxY: 100 } },
          { objectId: "box", kind: ObjectKind.CHEST, area: { minX: 0, minY: -100, maxX: 5_000, maxY: 100 } },
        ],
      });
    },
    async *watchZone(_zoneId, signal): AsyncGenerator<WatchZoneResponse> {
      requireBack();
      const bell = createBell();
      const queue: (Message | Error)[] = [snapshot()];
      const read = (message: Message | Error) => {
        queue.push(message);
        bell.ring();
      };
      readers.add(read);
      signal.addEventListener("abort", bell.ring);
      try {
        for (;;) {
          if (signal.aborted) throw new ConnectError("aborted", Code.Canceled);
          const message = queue.shift();
          if (message instanceof Error) throw message;
          if (message) yield create(WatchZoneResponseSchema, message);
          // Something comes every second, as from the world.
          else if (!(await bell.wait(1_000))) yield create(WatchZoneResponseSchema);
        }
      } finally {
        readers.delete(read);
        signal.removeEventListener("abort", bell.ring);
      }
    },
    async setVitals({ id, alive, life }) {
      requireBack();
      if (this.deaf) throw new ConnectError("not now", Code.Unavailable);
      const being = beings.get(id ?? "");
      if (!being) throw new ConnectError("nobody of that id is in the zone", Code.NotFound);
      if (being.life !== life || being.dead === !alive) return;
      if (alive) revive(being, 9_000, 9_000);
      else {
        being.dead = true;
        tell(vitalsOf(being));
      }
    },
    put(id, x, y, npcKind) {
      const there = beings.get(id);
      if (there) {
        Object.assign(there, { x, y });
        tell({ moves: [there.entityId, x, y] });
        return;
      }
      const being = { entityId: ++count, id, npcKind, x, y, dead: false, life: 1 };
      beings.set(id, being);
      tell({ spawns: [entityOf(being)] });
    },
    remove(id) {
      const being = beings.get(id);
      beings.delete(id);
      if (being) tell({ despawns: [being.entityId] });
    },
    gate(open) {
      gateOpen = open;
      tell({ objects: [{ objectId: "gate", open }] });
    },
    being: (id) => beings.get(id),
    revive(id) {
      const being = beings.get(id)!;
      revive(being, being.x, being.y);
    },
    leave() {
      away = true;
      for (const read of readers) read(new ConnectError("the zone is moving", Code.Unavailable));
    },
    comeBack() {
      away = false;
    },
  };
}
