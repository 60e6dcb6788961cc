import type { EndedSessions } from "#kit/ended-sessions.ts";
import type { Probe } from "#kit/health.ts";
import type { Log } from "#kit/log.ts";
import { createHost, type Host, type HostLimits } from "./host.ts";
import type { Lease, Leases } from "./leases.ts";
import { elsewhere, refuse } from "./refusals.ts";
import { createSaving, type Saving } from "./saving.ts";
import { StaleOwner, type WorldStore } from "./store.ts";
import { tickMs } from "./zone.ts";
import type { ZoneMap } from "./zone-map.ts";

/** A zone that this instance owns, and how it is saved. */
export interface Hosted {
  host: Host;
  saving: Saving;
}

/** The zones of this instance: taken when somebody asks for them, ticked, saved, and given up when another one owns them. */
export interface Hosting {
  readonly maps: ReadonlyMap<string, ZoneMap>;
  readonly hosted: ReadonlyMap<string, Hosted>;
  /** The zone, which is this instance's from then on. @throws ConnectError that says who owns it, or NOT_FOUND. */
  require(zoneId: string): Promise<Hosted>;
  /** For how long its zones have not been confirmed as its own, in milliseconds: Postgres is away. */
  unconfirmedMs(): number;
  /** What is in each zone, as far as this instance owns it. */
  counts(): { zone: string; owned: boolean; players: number; entities: number }[];
  /** Saves and releases everything. */
  close(): Promise<void>;
}

export interface HostingOptions {
  maps: readonly ZoneMap[];
  leases: Leases;
  store: WorldStore;
  sessions: Pick<EndedSessions, "isEnded">;
  limits: HostLimits;
  /** How long a lease holds, in milliseconds. */
  leaseMs: number;
  /** Milliseconds between two saves. */
  saveMs: number;
  /** Is called after a transaction that may hold events. */
  stored: () => void;
  clock: () => number;
  log: Log;
}

export function createHosting(options: HostingOptions): Hosting {
  const { leases, store, sessions, limits, leaseMs, saveMs, stored, clock, log } = options;
  const maps = new Map(options.maps.map((map) => [map.id, map]));
  const hosted = new Map<string, Hosted>();
  const taking = new Map<string, Promise<Hosted>>();
  let confirmedAt = performance.now();
  let closing = false;

  async function take(map: ZoneMap): Promise<Hosted> {
    const lease = await leases.acquire(map.id);
    if ("owner" in lease) throw elsewhere({ instance: lease.owner });
    const objects = await store.objects(map.id);
    if (closing) throw refuse("zone_moving", "this instance is ending", { retryAfterS: 1 });
    const host = createHost({ map, lease, limits, clock });
    for (const { id, open } of objects) host.zone.objects.restore(id, open, clock());
    const taken = { host, saving: createSaving({ host, store, stored, clock, log }) };
    hosted.set(map.id, taken);
    log.info({ zone: map.id, fence: lease.fence }, "owns a zone");
    return taken;
  }

  /** Another instance owns it: whatever happened here since is void. */
  function giveUp({ host }: Hosted): void {
    const { id } = host.zone.map;
    if (hosted.get(id)?.host !== host) return;
    hosted.delete(id);
    host.close(refuse("zone_moving", "the zone has moved to another instance: join again", { retryAfterS: 1 }));
    log.warn({ zone: id, fence: host.lease.fence }, "lost a zone to another owner");
  }

  async function renew(): Promise<void> {
    const mine = [...hosted.values()];
    const start = performance.now();
    const held: Set<Lease> = mine.length === 0 ? new Set() : await leases.renew(mine.map(({ host }) => host.lease));
    confirmedAt = start;
    for (const one of mine) if (!held.has(one.host.lease)) giveUp(one);
  }

  async function saveAll(): Promise<void> {
    for (const one of [...hosted.values()])
      await one.saving.save().catch((error: Error) => {
        if (error instanceof StaleOwner) giveUp(one);
        else log.debug({ err: error.message, zone: one.host.zone.map.id }, "a zone can't be saved now");
      });
  }

  async function endSessions(): Promise<void> {
    for (const { host } of hosted.values())
      for (const session of host.sessions.values()) if (sessions.isEnded(session.authSessionId)) session.expiresAt = 0;
  }

  /** Does something again and again, the next time after the last has ended. */
  function every(ms: number, work: () => Promise<void>): () => Promise<void> {
    let running: Promise<void> = Promise.resolve();
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      running = work()
        .catch((error: Error) => log.debug({ err: error.message }, "trying on"))
        .finally(() => {
          busy = false;
        });
    }, ms);
    return () => {
      clearInterval(timer);
      return running;
    };
  }

  let waking: Promise<void> | undefined;
  let lastTick = performance.now();

  /** A process that has been stopped for longer than a lease may not own its zones any more: it asks before it goes on. */
  async function wakeUp(pausedMs: number): Promise<void> {
    log.warn(
      { pausedMs: Math.round(pausedMs) },
      "was stopped for longer than a lease: asks whether its zones are still its own",
    );
    try {
      await renew();
    } catch (error) {
      log.debug({ err: (error as Error).message }, "nobody can say: goes on");
    } finally {
      waking = undefined;
    }
  }

  function tick(): void {
    const now = performance.now();
    const paused = now - lastTick;
    lastTick = now;
    if (paused > leaseMs) waking ??= wakeUp(paused);
    if (waking) return;
    const time = clock();
    for (const { host } of hosted.values()) {
      try {
        host.tick(time);
      } catch (error) {
        log.error({ err: error, zone: host.zone.map.id }, "a tick failed");
      }
    }
  }

  const stops = [startTicking(tick), every(leaseMs / 4, renew), every(saveMs, saveAll), every(5_000, endSessions)];

  return {
    maps,
    hosted,
    async require(zoneId) {
      const map = maps.get(zoneId);
      if (!map) throw refuse("zone_unknown", "there is no such zone");
      await waking;
      const own = hosted.get(zoneId);
      if (own) return own;
      if (closing) throw refuse("zone_moving", "this instance is ending", { retryAfterS: 1 });
      const taken = taking.get(zoneId) ?? take(map).finally(() => taking.delete(zoneId));
      taking.set(zoneId, taken);
      return await taken;
    },
    counts: () =>
      [...maps.keys()].map((zone) => {
        const host = hosted.get(zone)?.host;
        const [players, entities] = [host?.sessions.size ?? 0, host?.zone.entities.count ?? 0];
        return { zone, owned: host !== undefined, players, entities };
      }),
    unconfirmedMs: () => performance.now() - confirmedAt,
    async close() {
      closing = true;
      await Promise.all(stops.map((stop) => stop()));
      await Promise.allSettled(taking.values());
      for (const { host } of hosted.values()) {
        host.close(refuse("zone_moving", "this instance is ending: join again", { retryAfterS: 1 }));
        for (const session of [...host.sessions.values()]) host.remove(session);
      }
      await saveAll();
      for (const { host } of hosted.values())
        await leases.release(host.lease).catch((error: Error) => log.debug({ err: error.message }, "not released"));
      hosted.clear();
    },
  };
}

/** Degraded while nobody can say whether the zones are still this instance's: it goes on with them, and saves nothing. */
export function ownershipProbe(hosting: Pick<Hosting, "unconfirmedMs" | "hosted">, leaseMs: number): Probe {
  return async () => {
    const ms = hosting.unconfirmedMs();
    if (ms < leaseMs || hosting.hosted.size === 0) return undefined;
    return {
      status: "degraded",
      message: `the zones were not confirmed as this instance's for ${Math.round(ms / 1_000)} s`,
    };
  };
}

/** Calls `tick` every {@link tickMs}: one that comes late is followed sooner. @returns what stops it. */
function startTicking(tick: () => void): () => Promise<void> {
  let next = performance.now() + tickMs;
  let timer: NodeJS.Timeout;
  const run = () => {
    tick();
    // Ticks that were missed are not made up for.
    next = Math.max(next + tickMs, performance.now());
    timer = setTimeout(run, Math.max(1, next - performance.now()));
  };
  timer = setTimeout(run, tickMs);
  return async () => clearTimeout(timer);
}
