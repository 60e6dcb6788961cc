import { mitigate } from "./amounts.ts";
import { type AuraKind, type Kind, type Stats, schools } from "./catalog.ts";
import { heal, hurt, interrupt } from "./harm.ts";
import { type Due, schedule } from "./timeline.ts";
import type { Aura, Combatant, Zone } from "./zone.ts";

/** Lays an aura on somebody, or one more stack of it; its time begins anew. */
export function layAura(zone: Zone, sourceId: string, target: Combatant, kind: AuraKind): void {
  const until = zone.now + kind.durationMs;
  let aura = target.auras.find((one) => one.kind === kind);
  if (aura) {
    aura.stacks = Math.min(aura.stacks + 1, kind.maxStacks);
    aura.source = sourceId;
    aura.until = until;
  } else {
    aura = { kind, source: sourceId, stacks: 1, until, absorbs: 0, serial: ++zone.serial };
    target.auras.push(aura);
    if (kind.tickMs > 0) schedule(zone.timeline, zone.now + kind.tickMs, "aura_tick", target.id, aura.serial);
  }
  aura.absorbs = kind.absorbs * aura.stacks;
  schedule(zone.timeline, until, "aura_end", target.id, aura.serial);
  target.stats = statsWith(target.kind, target.auras);
  zone.effects.push({
    at: zone.now,
    kind: "aura",
    source: sourceId,
    target: target.id,
    aura: kind.id,
    stacks: aura.stacks,
    durationMs: kind.durationMs,
  });
  if (kind.stuns) interrupt(zone, target, "stunned", sourceId);
}

/** What an aura does every `tickMs`. Nothing is rolled: a tick is never critical. */
export function tickAura(zone: Zone, target: Combatant, { serial }: Due): void {
  const aura = target.auras.find((one) => one.serial === serial);
  if (!aura) return;
  const { kind, stacks } = aura;
  if (zone.now + kind.tickMs <= aura.until)
    schedule(zone.timeline, zone.now + kind.tickMs, "aura_tick", target.id, serial);
  const source = zone.combatants.get(aura.source);
  const told = { by: kind.id, critical: false, sourceId: aura.source };
  if (kind.healingPerTick > 0) heal(zone, source, target, { ...told, amount: kind.healingPerTick * stacks });
  if (kind.damagePerTick > 0) {
    const amount = mitigate(kind.damagePerTick * stacks, kind.school, target.stats);
    hurt(zone, source, target, { ...told, school: kind.school, amount });
  }
}

/** Takes an aura away when its time is over. One that was laid anew meanwhile lives on. */
export function endAura(zone: Zone, target: Combatant, { serial }: Due): void {
  const aura = target.auras.find((one) => one.serial === serial);
  if (!aura || aura.until > zone.now) return;
  target.auras = target.auras.filter((one) => one !== aura);
  target.stats = statsWith(target.kind, target.auras);
  zone.effects.push({ at: zone.now, kind: "aura_ended", source: aura.source, target: target.id, aura: aura.kind.id });
}

function statsWith({ stats }: Kind, auras: readonly Aura[]): Stats {
  if (auras.length === 0) return stats;
  const sum = { ...stats, resistances: { ...stats.resistances } };
  for (const { kind, stacks } of auras) {
    const { power, critical, armour, resistance, damageDealt, damageTaken } = kind.modifiers;
    sum.power += power * stacks;
    sum.critical += critical * stacks;
    sum.armour += armour * stacks;
    sum.damageDealt += damageDealt * stacks;
    sum.damageTaken += damageTaken * stacks;
    if (resistance !== 0) for (const school of schools) sum.resistances[school] += resistance * stacks;
  }
  return sum;
}
