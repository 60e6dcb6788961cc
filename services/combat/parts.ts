import type { EndedSessions } from "#kit/ended-sessions.ts";
import type { Probe } from "#kit/health.ts";
import type { Log } from "#kit/log.ts";
import { type Arenas, createArenas } from "./arenas.ts";
import { type Casters, createCasters } from "./casting.ts";
import { loadCatalog } from "./catalog.ts";
import type { loadConfig } from "./config.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { recordTo } from "./record-files.ts";
import type { Catalog } from "./rules/catalog.ts";
import type { CombatStore } from "./store.ts";
import type { WorldLink } from "./world-link.ts";

/** What the handlers of this service need. */
export interface CombatParts {
  catalog: Catalog;
  arenas: Arenas;
  casters: Casters;
  sessions: EndedSessions;
  /** Milliseconds of the epoch. */
  clock: () => number;
  /** Milliseconds of silence on a stream before an empty message; also how often it looks whether its caller may still listen. */
  heartbeatMs: number;
}

/** The parts, alive. */
export interface Combat extends CombatParts {
  ledger: Ledger;
  probes: Record<string, Probe>;
  /** Settles when it is known how everybody stood. */
  started: Promise<void>;
  /** Stores what is left. */
  stop(): Promise<void>;
}

type Limits = Pick<
  ReturnType<typeof loadConfig>,
  "zones" | "pvpZones" | "castsPerSecond" | "castsBurst" | "saveMs" | "heartbeatSeconds" | "recordDir"
>;

/** State of fights that waits for longer than this to be stored is worth a word in the health. */
const tooLongMs = 10_000;

export function startCombat(options: {
  sessions: EndedSessions;
  store: CombatStore;
  world: WorldLink;
  /** Settles when the store can be asked. */
  migrated: Promise<void>;
  /** Is called after a transaction with events. */
  stored: () => void;
  limits: Limits;
  log: Log;
  clock?: () => number;
  catalog?: Catalog;
}): Combat {
  const { sessions, store, world, migrated, stored, limits, log, clock = Date.now, catalog = loadCatalog() } = options;
  const ledger = createLedger({ store, stored, everyMs: limits.saveMs, log });
  const started = migrated.then(async () => {
    await ledger.load();
    arenas.start();
  });
  const record = limits.recordDir === undefined ? undefined : recordTo(limits.recordDir);
  const { zones, pvpZones } = limits;
  const arenas = createArenas({ world, catalog, ledger, zones, pvpZones, record, log });
  const rate = { perSecond: limits.castsPerSecond, burst: limits.castsBurst };
  return {
    catalog,
    arenas,
    ledger,
    sessions,
    casters: createCasters({ ledger, rate, clock }),
    clock,
    heartbeatMs: 1_000 * limits.heartbeatSeconds,
    probes: {
      world: async () => {
        const away = zones.filter((zoneId) => !arenas.open.get(zoneId)?.here);
        if (away.length === 0) return undefined;
        return {
          status: "degraded",
          message: `the world does not say who is where in ${away.join(", ")}: nobody fights there`,
        };
      },
      ledger: async () => {
        if (ledger.waitingMs < tooLongMs) return undefined;
        const seconds = Math.round(ledger.waitingMs / 1_000);
        return { status: "degraded", message: `fights have waited to be stored for ${seconds} s` };
      },
    },
    started,
    async stop() {
      arenas.stop();
      await ledger.stop();
    },
  };
}
