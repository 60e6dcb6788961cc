import { between, happens } from "./arithmetic.ts";
import type { School } from "./catalog.ts";
import type { Interruption } from "./effect.ts";
import { schedule } from "./timeline.ts";
import type { Combatant, Zone } from "./zone.ts";

/** Who has not fought for so long recovers, so much of maxHp (per mille) every so often. */
export const rest = { afterMs: 8_000, everyMs: 2_000, share: 20 };
const thinkSoonMs = 100;

/** Takes `amount` from the target: first from what shields it, then from its health. It may die of it. */
export function hurt(
  zone: Zone,
  source: Combatant | undefined,
  target: Combatant,
  blow: { by: string; school: School; amount: number; critical: boolean; sourceId?: string },
): void {
  const sourceId = source?.id ?? blow.sourceId ?? target.id;
  const absorbed = absorb(target, blow.amount);
  const amount = Math.min(blow.amount - absorbed, target.hp);
  target.hp -= amount;
  const { by, school, critical } = blow;
  zone.effects.push({
    at: zone.now,
    kind: "damage",
    source: sourceId,
    target: target.id,
    by,
    school,
    amount,
    absorbed,
    critical,
    hp: target.hp,
  });
  target.foughtAt = zone.now;
  if (source) {
    source.foughtAt = zone.now;
    provoke(zone, target, source, amount + absorbed);
  }
  if (target.hp === 0) die(zone, target, sourceId, by);
  else restLater(zone, target);
}

/** Gives health back. NPCs that hate the target hate the helper half as much as they help. */
export function heal(
  zone: Zone,
  source: Combatant | undefined,
  target: Combatant,
  help: { by: string; amount: number; critical: boolean; sourceId?: string },
): void {
  const amount = Math.min(help.amount, target.stats.maxHp - target.hp);
  target.hp += amount;
  zone.effects.push({
    at: zone.now,
    kind: "healing",
    source: source?.id ?? help.sourceId ?? target.id,
    target: target.id,
    by: help.by,
    amount,
    critical: help.critical,
    hp: target.hp,
  });
  if (!source || amount < 2 || !target.isPlayer) return;
  for (const npc of zone.combatants.values())
    if (npc.hatred.has(target.id)) provoke(zone, npc, source, Math.floor(amount / 2));
}

/** Makes an NPC hate somebody, and think of it soon. */
export function provoke(zone: Zone, npc: Combatant, whom: Combatant, amount: number): void {
  if (npc.isPlayer || npc.dead || npc === whom || !whom.isPlayer) return;
  if (npc.hatred.size === 0) thinkAt(zone, npc, zone.now + thinkSoonMs);
  npc.hatred.set(whom.id, (npc.hatred.get(whom.id) ?? 0) + amount);
}

/** The next thought of an NPC; one that was planned is void. */
export function thinkAt(zone: Zone, npc: Combatant, at: number): void {
  npc.thinkSerial = ++zone.serial;
  schedule(zone.timeline, at, "think", npc.id, npc.thinkSerial);
}

export function restLater(zone: Zone, one: Combatant): void {
  if (one.restSerial !== 0) return;
  one.restSerial = ++zone.serial;
  schedule(zone.timeline, zone.now + rest.everyMs, "rest", one.id, one.restSerial);
}

export function interrupt(zone: Zone, one: Combatant, reason: Interruption, source = one.id): void {
  if (!one.casting) return;
  const skill = one.casting.skill.id;
  one.casting = undefined;
  zone.effects.push({ at: zone.now, kind: "interrupted", source, target: one.id, skill, reason });
}

function absorb(target: Combatant, amount: number): number {
  let left = amount;
  for (const aura of target.auras) {
    const taken = Math.min(aura.absorbs, left);
    aura.absorbs -= taken;
    left -= taken;
  }
  return amount - left;
}

function die(zone: Zone, target: Combatant, source: string, by: string): void {
  interrupt(zone, target, "caster_died");
  const { id, kind } = target;
  zone.effects.push({ at: zone.now, kind: "death", source, target: id, by });
  if (!target.isPlayer) dropItems(zone, target);
  target.dead = true;
  target.auras = [];
  target.stats = kind.stats;
  target.thinkSerial = 0;
  target.restSerial = 0;
  target.hatred.clear();
  for (const other of zone.combatants.values()) other.hatred.delete(id);
  reviveLater(zone, target);
}

/** Players live again after a while. When NPCs do is for the world to say. */
export function reviveLater(zone: Zone, one: Combatant): void {
  if (!one.isPlayer) return;
  one.deathSerial = ++zone.serial;
  schedule(zone.timeline, zone.now + one.kind.respawnMs, "revival", one.id, one.deathSerial);
}

/** Each drop of its kind, or not, to the player whom it hated most. */
function dropItems(zone: Zone, { id, kind, hatred }: Combatant): void {
  const owner = mostHated(zone, hatred);
  for (const { itemId, chance, min, max } of kind.drops) {
    const falls = happens(zone.random, chance);
    const quantity = between(zone.random, min, max);
    if (falls && owner) zone.effects.push({ at: zone.now, kind: "drop", source: id, target: owner, itemId, quantity });
  }
}

/** Of those who are there; of two as much hated, the first. */
export function mostHated(zone: Zone, hatred: ReadonlyMap<string, number>): string | undefined {
  let most: string | undefined;
  let amount = -1;
  for (const [id, much] of hatred)
    if (much > amount && zone.combatants.has(id)) {
      most = id;
      amount = much;
    }
  return most;
}
