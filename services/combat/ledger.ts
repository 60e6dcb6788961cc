import { context, propagation } from "@opentelemetry/api";
import type { Log } from "#kit/log.ts";
import { pause } from "#kit/pause.ts";
import { combatResult, type Hits, itemObtained } from "./events.ts";
import * as metrics from "./metrics.ts";
import type { Effect } from "./rules/effect.ts";
import type { Zone } from "./rules/zone.ts";
import type { CombatStore, Saved, TracedEvent } from "./store.ts";

/**
 * What fights leave behind: how everybody stands, and what the other services are told. It is kept in memory and stored a few times a second, all that
 * belongs together in one transaction: after a crash the last moment of a fight has not happened, neither its wounds nor its spoils.
 */
export interface Ledger {
  /** How somebody stands, if they have fought. */
  find(id: string): Saved | undefined;
  put(id: string, saved: Saved): void;
  forget(id: string): void;
  /** Notes what effects leave behind. `lifeOf`: the life that somebody is in. */
  note(effects: readonly Effect[], zone: Zone, lifeOf: (id: string) => number): void;
  noteSequence(id: string, lastSequence: number): void;
  /** Takes over what was stored. */
  load(): Promise<void>;
  /** Milliseconds for which the oldest news has waited to be stored. */
  readonly waitingMs: number;
  /** Stores what is left. */
  stop(): Promise<void>;
}

/** Results that wait while the database is away. Spoils are always kept. */
const maxWaiting = 20_000;
/** Events in one transaction. */
const atOnce = 5_000;

/** @param stored is called after a transaction that holds events. */
export function createLedger(options: { store: CombatStore; stored: () => void; everyMs: number; log: Log }): Ledger {
  const { store, stored, everyMs, log } = options;
  const all = new Map<string, Saved>();
  const changed = new Set<string>();
  const hits = new Map<string, { hits: Hits; traceparent: string | undefined }>();
  let events: TracedEvent[] = [];
  let changedAt = 0;
  const stopping = new AbortController();

  function touch(id: string): void {
    if (changed.size === 0) changedAt = performance.now();
    changed.add(id);
  }

  function stand(id: string, life: number, hp: number): void {
    all.set(id, { life, hp, lastSequence: all.get(id)?.lastSequence ?? 0 });
    touch(id);
  }

  function noteHit(effect: Effect & { kind: "damage" }, zone: Zone, traceparent: string | undefined): void {
    const { source, target, by, amount, hp } = effect;
    const userId = zone.combatants.get(source)?.isPlayer ? source : target;
    const key = `${source} ${target} ${by}`;
    const known = hits.get(key);
    if (!known && hits.size + events.length >= maxWaiting) {
      metrics.lost.add(1);
      return;
    }
    const entry = known ?? {
      hits: { userId, attackerId: source, targetId: target, skillId: by, damage: 0, killed: false },
      traceparent,
    };
    entry.hits.damage += amount;
    entry.hits.killed ||= hp === 0;
    hits.set(key, entry);
  }

  /** What is told from here on is another event: should a transaction's end be unknown, its events come again as they are. */
  function seal(): void {
    for (const one of hits.values()) events.push({ ...combatResult(one.hits), traceparent: one.traceparent });
    hits.clear();
  }

  async function storeNews(): Promise<void> {
    seal();
    const standing = new Map([...changed].map((id) => [id, all.get(id)]));
    const told = events.slice(0, atOnce);
    if (standing.size + told.length === 0) return;
    const since = changedAt;
    changed.clear();
    try {
      await store.save(standing, told);
    } catch (error) {
      for (const id of standing.keys()) changed.add(id);
      changedAt = since;
      throw error;
    }
    events = events.slice(told.length);
    if (told.length > 0) stored();
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; await pause(everyMs, stopping.signal))
      try {
        await storeNews();
        failures = 0;
      } catch (error) {
        log[failures++ === 0 ? "warn" : "debug"](
          { err: (error as Error).message },
          "fights can't be stored, trying on",
        );
      }
  }
  const running = run();

  return {
    find: (id) => all.get(id),
    put(id, saved) {
      all.set(id, saved);
      touch(id);
    },
    forget(id) {
      if (all.delete(id)) touch(id);
    },
    note(effects, zone, lifeOf) {
      if (effects.length === 0) return;
      const carrier: { traceparent?: string } = {};
      propagation.inject(context.active(), carrier);
      for (const effect of effects) {
        if ("hp" in effect) stand(effect.target, lifeOf(effect.target), effect.hp);
        if (effect.kind === "damage" && effect.amount > 0) noteHit(effect, zone, carrier.traceparent);
        if (effect.kind === "drop")
          events.push({ ...itemObtained(effect.target, effect.itemId, effect.quantity), ...carrier });
      }
    },
    noteSequence(id, lastSequence) {
      const saved = all.get(id);
      if (!saved) return;
      all.set(id, { ...saved, lastSequence });
      touch(id);
    },
    async load() {
      for (const [id, saved] of await store.load()) if (!all.has(id)) all.set(id, saved);
    },
    get waitingMs() {
      return changed.size === 0 ? 0 : performance.now() - changedAt;
    },
    async stop() {
      stopping.abort();
      await running;
      await storeNews().catch((error: Error) =>
        log.warn({ err: error.message }, "the last moment of the fights is lost"),
      );
    },
  };
}
