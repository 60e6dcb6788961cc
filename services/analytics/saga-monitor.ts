import type { Outbox } from "#kit/outbox.ts";
import type { Database } from "#kit/postgres.ts";
import { sagaStatusChanged } from "./events.ts";
import { replaces, type Saga } from "./saga.ts";
import type { SagaMetrics } from "./saga-metrics.ts";
import type { SagaStore } from "./saga-store.ts";

/** Notes how far sagas are, and tells of it. */
export interface SagaMonitor {
  /** A status that comes late, or again, changes nothing and is told to nobody. */
  record(saga: Saga): Promise<void>;
}

export function createSagaMonitor(parts: {
  database: Database;
  store: SagaStore;
  outbox: Pick<Outbox, "append" | "wake">;
  metrics: SagaMetrics;
}): SagaMonitor {
  const { database, store, outbox, metrics } = parts;
  return {
    async record(saga) {
      const news = await database.transaction(async (client) => {
        const added = await store.add(saga, client);
        if (!added) {
          const known = await store.lock(saga.sagaId, client);
          if (!replaces(saga, known)) return undefined;
          await store.update(saga, known.status, client);
        }
        await outbox.append(client, sagaStatusChanged(saga));
        return { isNew: added };
      });
      if (!news) return;
      outbox.wake();
      metrics.count(saga, news.isNew);
    },
  };
}
