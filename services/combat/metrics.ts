import { meter } from "#kit/metrics.ts";

export const casts = meter.createCounter("game.combat.casts", { description: "Casts by how they were answered" });
export const effects = meter.createCounter("game.combat.effects", { description: "Effects by kind" });
export const missed = meter.createCounter("game.combat.effects_missed", {
  description: "Effects that readers were too slow for",
});
export const streams = meter.createUpDownCounter("game.combat.streams", { description: "Open streams" });
export const lost = meter.createCounter("game.combat.events_lost", {
  description: "Combat results that were never told, because the database was away for long",
});
