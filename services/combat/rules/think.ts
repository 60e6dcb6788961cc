import { cast } from "./cast.ts";
import type { Skill } from "./catalog.ts";
import { distanceSquared, isInSight, isWithin } from "./geometry.ts";
import { mostHated, provoke, thinkAt } from "./harm.ts";
import type { Due } from "./timeline.ts";
import { type Combatant, isStunned, type Zone } from "./zone.ts";

/** How often an NPC thinks, in a fight and out of one. */
export const thinkEveryMs = 500;
export const watchEveryMs = 1_000;

/** What an NPC does next: it looks for an enemy, and attacks whom it hates most with the first skill that can be used. */
export function think(zone: Zone, npc: Combatant, { serial }: Due): void {
  if (npc.thinkSerial !== serial) return;
  forget(zone, npc);
  if (npc.hatred.size === 0) watch(zone, npc);
  if (npc.hatred.size > 0) {
    if (!npc.casting && !isStunned(npc)) attack(zone, npc);
    thinkAt(zone, npc, zone.now + thinkEveryMs);
  } else if (npc.kind.aggroCm > 0) thinkAt(zone, npc, zone.now + watchEveryMs);
  else npc.thinkSerial = 0;
}

/** Who has left, died or run far is hated no longer. */
function forget(zone: Zone, npc: Combatant): void {
  for (const id of npc.hatred.keys()) {
    const one = zone.combatants.get(id);
    if (!one || one.dead || !isWithin(npc, one, npc.kind.leashCm)) npc.hatred.delete(id);
  }
}

/** The nearest player in sight is an enemy; of two as near, who came first. */
function watch(zone: Zone, npc: Combatant): void {
  const { aggroCm } = npc.kind;
  if (aggroCm === 0) return;
  let nearest: Combatant | undefined;
  let distance = aggroCm * aggroCm + 1;
  for (const one of zone.combatants.values()) {
    if (!one.isPlayer || one.dead) continue;
    const far = distanceSquared(npc, one);
    if (far < distance && isInSight(npc, one, zone.obstacles)) {
      nearest = one;
      distance = far;
    }
  }
  if (nearest) provoke(zone, npc, nearest, 1);
}

function attack(zone: Zone, npc: Combatant): void {
  const target = zone.combatants.get(mostHated(zone, npc.hatred) ?? "");
  if (!target) return;
  for (const skill of npc.kind.skills)
    if (
      mayReach(npc, target, skill) &&
      cast(zone, npc.id, { skill: skill.id, target: target.id }).refused === undefined
    )
      return;
}

/** What strikes around oneself can be cast at any time, and is wasted on who stands farther off. */
const mayReach = (npc: Combatant, target: Combatant, { target: at, area }: Skill): boolean =>
  at !== "self" || area === undefined || isWithin(npc, target, area.radiusCm);
