import { meter } from "#kit/metrics.ts";
import { durationOf, type Saga, type SagaStatus } from "./saga.ts";
import type { SagaStore } from "./saga-store.ts";

/** What Prometheus is told of sagas; the rules in charts/game-mesh/rules/ read it. */
export interface SagaMetrics {
  /** A saga has come to a status. `isNew`: nothing was known of it before, so it has started, too. */
  count(saga: Saga, isNew: boolean): void;
}

/** Seconds. An undisturbed saga takes a fraction of one; 10 is where an alert fires. */
const boundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** @param types of sagas that there are: each is told of from the start, as Prometheus sees no increase in what was not there before. */
export function createSagaMetrics(store: Pick<SagaStore, "needingRepair">, types: readonly string[]): SagaMetrics {
  const counter = (status: string, description: string) => meter.createCounter(`game.saga.${status}`, { description });
  const counters: Record<SagaStatus, ReturnType<typeof counter>> = {
    started: counter("started", "Sagas that began"),
    completed: counter("completed", "Sagas that were done"),
    failed: counter("failed", "Sagas that failed before anything was done"),
    compensated: counter("compensated", "Sagas that failed and were undone"),
    needs_repair: counter("broken", "Sagas that could not be undone and called for a person"),
  };
  const duration = meter.createHistogram("game.saga.duration_seconds", {
    description: "From the start of a saga to its end, or to its call for a person",
    unit: "s",
    advice: { explicitBucketBoundaries: boundaries },
  });
  // Read from the table: it must fall when a person has repaired, and be right after a restart.
  meter
    .createObservableGauge("game.saga.needs_repair", { description: "Sagas that wait for a person now" })
    .addCallback(async (result) => {
      const found = await store.needingRepair().catch(() => undefined);
      // Away: better no number than a wrong one.
      if (!found) return;
      for (const type of types) result.observe(found.get(type) ?? 0, { type });
    });

  for (const type of types) for (const each of Object.values(counters)) each.add(0, { type });

  return {
    count(saga, isNew) {
      const { type, status } = saga;
      if (isNew) counters.started.add(1, { type });
      if (status === "started") return;
      counters[status].add(1, { type });
      duration.record(durationOf(saga), { type });
    },
  };
}
