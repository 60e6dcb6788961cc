import { randomInt } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Log } from "#kit/log.ts";
import { pause } from "#kit/pause.ts";
import { type Arena, createArena } from "./arena.ts";
import { createFeed, type Feed, toObstacle } from "./feed.ts";
import type { Ledger } from "./ledger.ts";
import { refuse } from "./refusals.ts";
import type { Catalog } from "./rules/catalog.ts";
import type { Effect } from "./rules/effect.ts";
import { createVitals, type Vitals } from "./vitals.ts";
import type { WorldLink } from "./world-link.ts";

/** The zones that this process fights. */
export interface Arenas {
  /** Opens a zone that isn't yet. @throws ConnectError NOT_FOUND `zone_unknown`, ABORTED `zone_away`. */
  require(zoneId: string): Promise<Arena>;
  /** The zone that somebody is in. */
  around(id: string): Arena | undefined;
  readonly open: ReadonlyMap<string, Arena>;
  /** Opens the zones that are fought from the start. */
  start(): void;
  stop(): void;
}

export interface ArenasOptions {
  world: WorldLink;
  catalog: Catalog;
  ledger: Ledger;
  /** Opened at once, without being asked for. */
  zones: readonly string[];
  pvpZones: readonly string[];
  /** Gives the writer of a zone's log. */
  record?: ((zoneId: string) => (line: string) => void) | undefined;
  log: Log;
}

/** How often what is due happens. It happens at its own time all the same: this is how late it is told. */
const tickMs = 50;
/** The world sends something every second. */
const silenceMs = 5_000;
const retryMs = [250, 2_000] as const;
const maxZones = 100;

export function createArenas(options: ArenasOptions): Arenas {
  const { world, catalog, ledger, zones, pvpZones, record, log } = options;
  const open = new Map<string, Arena>();
  const opening = new Map<string, Promise<Arena>>();
  const stopping = new AbortController();

  async function openZone(zoneId: string): Promise<Arena> {
    const map = await world.getZone(zoneId);
    const vitals = createVitals({
      world,
      zoneId,
      // An NPC's next life has nothing to do with this one.
      told: ({ id, isPlayer, alive }) => !isPlayer && !alive && ledger.forget(id),
      log,
    });
    stopping.signal.addEventListener("abort", vitals.stop);
    const arena = createArena({
      zoneId,
      catalog,
      obstacles: map.obstacles.map(toObstacle),
      pvp: pvpZones.includes(zoneId),
      seed: randomInt(2 ** 32) | 0,
      record: record?.(zoneId),
      heard(effects) {
        ledger.note(effects, arena.zone, (id) => arena.lives.get(id) ?? 0);
        tellFates(effects, arena, vitals);
      },
    });
    open.set(zoneId, arena);
    const feed = createFeed({ arena, map, ledger, vitals });
    void follow(arena, feed);
    return arena;
  }

  async function follow(arena: Arena, feed: Feed): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures++) {
      try {
        await readFeed(arena, feed);
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        if (arena.here) {
          failures = 0;
          log.warn({ zone: arena.zoneId, code: Code[code], err: rawMessage }, "the world is away");
        }
      }
      arena.setHere(false);
      await pause(Math.min(retryMs[0] * 2 ** failures, retryMs[1]), stopping.signal);
    }
  }

  /** Reads one stream of the world to its end, or until it falls silent. */
  async function readFeed(arena: Arena, feed: Feed): Promise<void> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new ConnectError("it is silent", Code.Unavailable)), silenceMs);
    try {
      for await (const message of world.watchZone(arena.zoneId, AbortSignal.any([stopping.signal, silence.signal]))) {
        timer.refresh();
        feed.apply(message);
        if (message.snapshot) arena.setHere(true);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  function require(zoneId: string): Promise<Arena> {
    const found = open.get(zoneId);
    if (found) return Promise.resolve(found);
    if (open.size >= maxZones) throw refuse("zone_away", "this instance fights as many zones as it can");
    const under = opening.get(zoneId);
    if (under) return under;
    const started = openZone(zoneId)
      .catch((error) => {
        if (ConnectError.from(error).code === Code.NotFound) throw refuse("zone_unknown", "there is no such zone");
        throw refuse("zone_away", "the world does not say who is where, try again", { retryAfterS: 1, cause: error });
      })
      .finally(() => opening.delete(zoneId));
    opening.set(zoneId, started);
    return started;
  }

  async function openAtOnce(zoneId: string): Promise<void> {
    while (!stopping.signal.aborted && !open.has(zoneId)) {
      try {
        await require(zoneId);
      } catch (error) {
        log.debug({ zone: zoneId, err: (error as Error).message }, "a zone can't be opened yet");
        await pause(retryMs[1], stopping.signal);
      }
    }
  }
  const ticking = setInterval(() => {
    for (const arena of open.values()) arena.wait();
  }, tickMs);

  return {
    require,
    around: (id) => [...open.values()].find(({ zone }) => zone.combatants.has(id)),
    open,
    start() {
      for (const zoneId of zones) void openAtOnce(zoneId);
    },
    stop() {
      clearInterval(ticking);
      stopping.abort();
    },
  };
}

function tellFates(effects: readonly Effect[], { zone, lives }: Arena, vitals: Vitals): void {
  for (const { kind, target: id } of effects) {
    if (kind !== "death" && kind !== "revival") continue;
    const isPlayer = zone.combatants.get(id)?.isPlayer ?? false;
    vitals.tell({ id, isPlayer, alive: kind === "revival", life: lives.get(id) ?? 0 });
  }
}
