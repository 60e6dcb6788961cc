import type { Log } from "#kit/log.ts";
import { pause } from "#kit/pause.ts";
import type { EventStore } from "./event-store.ts";

/** Few enough that a deletion holds up nobody. */
const batch = 5_000;
const everyMs = 600_000;
const dayMs = 86_400_000;

/** Deletes events older than `keepDays` every ten minutes, until it is stopped. */
export function startPruning(
  store: Pick<EventStore, "deleteOlder">,
  { keepDays, clock, log }: { keepDays: number; clock: () => Date; log: Log },
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  async function run() {
    while (!stopping.signal.aborted) {
      try {
        await prune(store, new Date(clock().getTime() - keepDays * dayMs), stopping.signal);
      } catch (error) {
        log.debug({ err: (error as Error).message }, "events can't be pruned now");
      }
      await pause(everyMs, stopping.signal);
    }
  }
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Deletes what is older, bit by bit. */
export async function prune(
  store: Pick<EventStore, "deleteOlder">,
  than: Date,
  signal: AbortSignal,
  limit: number = batch,
): Promise<void> {
  while (!signal.aborted && (await store.deleteOlder(than, limit)) === limit);
}
