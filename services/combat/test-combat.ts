/** For the tests of this service: its handlers over the in-memory transport, in a world that does as it is told. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import { type Client, Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { CombatService, type FightRequest, type FightResponse } from "#gen/game/combat/v1/combat_service_pb.ts";
import type { Effect } from "#gen/game/combat/v1/effect_pb.ts";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { createBell } from "#kit/bell.ts";
import { createEndedSessions } from "#kit/ended-sessions.ts";
import { refuseEndedSessions } from "#kit/interceptors.ts";
import { createLog } from "#kit/log.ts";
import { pause } from "#kit/pause.ts";
import { createInProcessTransport, type Identity } from "../../tests/support/in-process.ts";
import { createCombatService } from "./combat.ts";
import { type Combat, startCombat } from "./parts.ts";
import { catalog } from "./rules/test-zone.ts";
import type { CombatStore, Saved, TracedEvent } from "./store.ts";
import { createTestWorld, type TestWorld, zoneId } from "./test-world.ts";

/** What a process of combat would have stored. */
export interface MemoryStore extends CombatStore {
  combatants: Map<string, Saved>;
  events: TracedEvent[];
  away: boolean;
}

export function createMemoryStore(): MemoryStore {
  return {
    combatants: new Map(),
    events: [],
    away: false,
    async load() {
      return new Map(this.combatants);
    },
    async save(combatants, events) {
      if (this.away) throw new Error("connection refused");
      for (const [id, saved] of combatants)
        if (saved) this.combatants.set(id, saved);
        else this.combatants.delete(id);
      this.events.push(...events);
    },
  };
}

export interface Scene {
  combat: Combat;
  sessions: ReturnType<typeof createEndedSessions>;
  world: TestWorld;
  store: MemoryStore;
  clientOf(who: Identity): Client<typeof CombatService>;
  /** A new player at a place, whom combat knows already. */
  player(x: number, y: number): Promise<{ id: string; client: Client<typeof CombatService> }>;
  /** An NPC at a place, which combat knows already. */
  npc(kind: string, x: number, y: number): Promise<string>;
}

export interface SceneOptions {
  store?: MemoryStore;
  world?: TestWorld;
  pvp?: boolean;
  clock?: () => number;
  heartbeatSeconds?: number;
  castsPerSecond?: number;
  castsBurst?: number;
}

/** Starts combat for the length of a test, and waits until the world is there. */
export async function startScene(t: TestContext, options: SceneOptions = {}): Promise<Scene> {
  const { store = createMemoryStore(), world = createTestWorld(), clock = Date.now } = options;
  const { heartbeatSeconds = 15, castsPerSecond = 1_000, castsBurst = 1_000, pvp = false } = options;
  const log = createLog("combat");
  log.level = "silent";
  const pvpZones = pvp ? [zoneId] : [];
  const sessions = createEndedSessions();
  const combat = startCombat({
    sessions,
    store,
    world,
    migrated: Promise.resolve(),
    stored: () => undefined,
    limits: {
      zones: [zoneId],
      pvpZones,
      castsPerSecond,
      castsBurst,
      saveMs: 20,
      heartbeatSeconds,
      recordDir: undefined,
    },
    log,
    clock,
    catalog,
  });
  t.after(() => combat.stop());
  await settled(() => combat.arenas.open.get(zoneId)?.here === true);
  const zone = combat.arenas.open.get(zoneId)!.zone;

  function clientOf(who: Identity) {
    const interceptors = [refuseEndedSessions(sessions)];
    const routes = (router: ConnectRouter) => router.service(CombatService, createCombatService(combat));
    const identity = { zone: zoneId, ...who };
    return createClient(CombatService, createInProcessTransport(routes, identity, { interceptors, log }));
  }

  const known = (id: string) => settled(() => zone.combatants.has(id));
  let npcs = 0;
  return {
    combat,
    sessions,
    world,
    store,
    clientOf,
    async player(x, y) {
      const id = randomUUID();
      world.put(id, x, y);
      await known(id);
      return { id, client: clientOf({ userId: id }) };
    },
    async npc(kind, x, y) {
      const id = `${zoneId}.${kind}.${++npcs}`;
      world.put(id, x, y, kind);
      await known(id);
      return id;
    },
  };
}

async function settled(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !holds(); await pause(5)) assert.ok(Date.now() < deadline, "not in time");
}

/** A cast as a client writes it. */
export const castOf = (sequence: number, skillId: string, targetId = "") => ({
  cast: { sequence: BigInt(sequence), skillId, targetId },
});

/** The facts of effects, by kind. */
export const factsOf = (effects: Effect[]) => effects.map(({ fact }) => fact.case);

/** A Fight stream, as a test uses it. */
export interface Fight {
  send(...casts: ReturnType<typeof castOf>[]): void;
  next(): Promise<FightResponse>;
  /** Reads until this is found in a message. */
  find<T>(what: string, look: (message: FightResponse) => T | undefined): Promise<T>;
  /** Ends the client's side. */
  end(): void;
  close(): void;
}

export async function openFight(client: Client<typeof CombatService>): Promise<Fight & { opened: FightResponse }> {
  const ending = new AbortController();
  const queue: { casts: { sequence: bigint; skillId: string; targetId: string }[] }[] = [];
  const bell = createBell();
  let ended = false;
  async function* requests(): AsyncGenerator<{ casts: { sequence: bigint; skillId: string; targetId: string }[] }> {
    while (!ended || queue.length > 0) {
      const request = queue.shift();
      if (request) yield request;
      else await bell.wait(1_000);
    }
  }
  const responses = client
    .fight(requests() as AsyncIterable<FightRequest>, { signal: ending.signal })
    [Symbol.asyncIterator]();
  const end = () => {
    ended = true;
    bell.ring();
  };
  const next = async () => {
    const { value, done } = await responses.next();
    if (done) throw new Error("the stream has ended");
    return value as FightResponse;
  };
  const opened = await next();
  assert.ok(opened.opened, "the first message opens it");
  return {
    opened,
    next,
    send(...casts) {
      queue.push({ casts: casts.map(({ cast }) => cast) });
      bell.ring();
    },
    async find(what, look) {
      for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
        const found = look(await next());
        if (found !== undefined) return found;
      }
      throw new Error(`${what}: not found`);
    },
    end,
    close() {
      end();
      ending.abort();
    },
  };
}

/** Rejects with this code and reason. */
export async function assertRefused(call: Promise<unknown>, code: Code, reason?: string): Promise<ConnectError> {
  const error = await call.then(
    () => assert.fail("not refused"),
    (thrown) => ConnectError.from(thrown),
  );
  assert.equal(Code[error.code], Code[code], error.message);
  if (reason) assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, reason);
  return error;
}
