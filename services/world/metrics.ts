import { meter } from "#kit/metrics.ts";
import type { Hosting } from "./hosting.ts";

let steps = 0;
const tickBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1];

meter
  .createObservableCounter("game.world.steps", { description: "Steps taken" })
  .addCallback((result) => result.observe(steps));

/** What this service counts. */
export const measure = {
  /** By a plain number: tens of thousands a second. */
  noteStep: () => {
    steps++;
  },
  tick: meter.createHistogram("game.world.tick.duration", {
    unit: "s",
    description: "How long a zone's tick takes; the budget is 0.05 s for all zones together",
    advice: { explicitBucketBoundaries: tickBuckets },
  }),
  tickLag: meter.createHistogram("game.world.tick.interval", {
    unit: "s",
    description: "Time from one tick of a zone to its next",
    advice: { explicitBucketBoundaries: [0.045, 0.05, 0.055, 0.06, 0.075, 0.1, 0.25, 1] },
  }),
  corrections: meter.createCounter("game.world.corrections", { description: "Steps not taken as asked, by reason" }),
  dropped: meter.createCounter("game.world.updates.dropped", { description: "Updates left out for readers behind" }),
  refused: meter.createCounter("game.world.refused", { description: "Steps and actions without effect, by reason" }),
};

/** Counts what there is at the moment of asking; a zone that is elsewhere counts 0. */
export function observeWorld(count: Hosting["counts"]): void {
  const gauge = (name: string, description: string, read: (one: ReturnType<Hosting["counts"]>[number]) => number) =>
    meter.createObservableGauge(name, { description }).addCallback((result) => {
      for (const one of count()) result.observe(read(one), { "game.world.zone": one.zone });
    });
  gauge("game.world.zone.owned", "1 for the zones that this instance owns", ({ owned }) => Number(owned));
  gauge("game.world.players", "Players by zone", ({ players }) => players);
  gauge("game.world.entities", "Players and NPCs by zone", ({ entities }) => entities);
}
