import type { Log } from "#kit/log.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
import { playerMoved, zoneEntered } from "./events.ts";
import type { Host } from "./host.ts";
import type { Session } from "./session.ts";
import { type Position, type Snapshot, StaleOwner, type WorldStore } from "./store.ts";

/** Milliseconds between two player_moved of one player. */
const sampleMs = 10_000;
/** While Postgres is away, so many events wait; then the oldest are lost. */
const maxEvents = 10_000;

/** Saves a zone: positions and objects that changed, who left, and the events, all in one transaction. */
export interface Saving {
  noteEntry(userId: string, fromZoneId: string): void;
  /** Saves what has changed. Saves of one zone never overlap. @throws StaleOwner, or when Postgres is away. */
  save(): Promise<void>;
  /** Takes a player to another zone, after all that is being saved. @throws as save does. */
  transfer(session: Session, toZoneId: string, to: { x: number; y: number }): Promise<void>;
}

export function createSaving(options: {
  host: Host;
  store: Pick<WorldStore, "save" | "transfer">;
  stored: () => void;
  clock: () => number;
  log: Log;
}): Saving {
  const { host, store, stored, clock, log } = options;
  const { zone, lease } = host;
  const savedObjects = new Map(zone.objects.all.map(({ id, open }) => [id, open]));
  let events: OutgoingEvent[] = [];
  let last: Promise<unknown> = Promise.resolve();

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  /** Who moved since the last save, and a sample of them as events. */
  function collectPositions(now: number): Position[] {
    const positions: Position[] = [];
    for (const session of host.sessions.values()) {
      const { entity, userId } = session.player;
      if (session.leaving || (entity.x === session.savedX && entity.y === session.savedY && !entity.vitalsChanged))
        continue;
      positions.push({ userId, x: entity.x, y: entity.y, life: entity.life, dead: entity.dead });
      if (now - session.sampledAt < sampleMs || session.savedX < 0) continue;
      session.sampledAt = now;
      events.push(playerMoved(userId, zone.map.id, entity));
    }
    return positions;
  }

  async function save(): Promise<void> {
    const positions = collectPositions(clock());
    const left = [...host.departed].map(([userId, at]) => ({ userId, ...at }));
    const objects = zone.objects.all
      .filter(({ id, open }) => savedObjects.get(id) !== open)
      .map(({ id, open }) => ({ id, open }));
    const going = events.slice(-maxEvents);
    const snapshot: Snapshot = { positions: [...positions, ...left], objects, events: going };
    if (snapshot.positions.length + objects.length + going.length === 0) return;
    events = [];
    try {
      await store.save(lease, snapshot);
    } catch (error) {
      if (!(error instanceof StaleOwner)) events = [...going, ...events];
      throw error;
    }
    if (going.length > 0) stored();
    for (const { id, open } of objects) savedObjects.set(id, open);
    for (const { userId, x, y } of positions) {
      const session = host.sessions.get(userId);
      if (session) Object.assign(session, { savedX: x, savedY: y });
    }
    // Only those that are as they were saved: who came back and left again meanwhile is saved again.
    for (const { userId, x, y } of left) {
      const now = host.departed.get(userId);
      if (now?.x === x && now.y === y) host.departed.delete(userId);
    }
    log.debug({ zone: zone.map.id, players: positions.length, events: going.length }, "saved");
  }

  return {
    noteEntry(userId, fromZoneId) {
      events.push(zoneEntered(userId, zone.map.id, fromZoneId));
    },
    save: () => inTurn(save),
    transfer: (session, toZoneId, { x, y }) =>
      inTurn(async () => {
        const { userId, entity } = session.player;
        await store.transfer(lease, { userId, x, y, life: entity.life, dead: entity.dead }, toZoneId);
      }),
  };
}
