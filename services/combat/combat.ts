import type { ServiceImpl } from "@connectrpc/connect";
import type { CombatService } from "#gen/game/combat/v1/combat_service_pb.ts";
import { callerOf } from "#kit/identity.ts";
import type { Arena } from "./arena.ts";
import { createStreams } from "./fight.ts";
import type { CombatParts } from "./parts.ts";
import { refuse, refuseCast } from "./refusals.ts";
import { previewDamage } from "./rules/amounts.ts";
import { judge } from "./rules/cast.ts";
import type { Combatant } from "./rules/zone.ts";
import { toCombatant, toEffect, toSkill } from "./view.ts";
import { arenaOf, requireHere } from "./whereabouts.ts";

/** Answers for game.combat.v1.CombatService. */
export function createCombatService(parts: CombatParts): ServiceImpl<typeof CombatService> {
  const { catalog, arenas, casters } = parts;
  const skills = [...catalog.skills.values()].filter(({ by }) => by === "player").map(toSkill);

  return {
    listSkills: () => ({ skills }),

    async getCombatant({ combatantId }, context) {
      const { userId } = callerOf(context.requestHeader);
      const arena = await arenaOf(parts, context.requestHeader, userId);
      requireHere(arena);
      const own = combatantId === "" || combatantId === userId;
      const one = own ? requireSelf(arena, userId) : requireTarget(arena, combatantId);
      const more = own ? { lastSequence: casters.lastSequence(userId) } : undefined;
      return { combatant: toCombatant(arena.zone, arena.zoneId, one, more) };
    },

    async calculateDamage({ skillId, targetId }, context) {
      const { userId } = callerOf(context.requestHeader);
      const arena = await arenaOf(parts, context.requestHeader, userId);
      requireHere(arena);
      const caster = requireSelf(arena, userId);
      const target = requireTarget(arena, targetId);
      const skill = catalog.skills.get(skillId);
      if (skill?.by !== "player") throw refuseCast("skill_unknown", 0);
      const judged = judge(arena.zone, userId, { skill: skillId, target: targetId, point: target });
      const { min, max, criticalMin, criticalMax, criticalChance } = previewDamage(skill, caster.stats, target.stats);
      return {
        minDamage: min,
        maxDamage: max,
        minCriticalDamage: criticalMin,
        maxCriticalDamage: criticalMax,
        criticalChance,
        refusalReason: "refused" in judged ? judged.refused : "",
      };
    },

    async castSkill({ cast }, context) {
      const { userId } = callerOf(context.requestHeader);
      const arena = await arenaOf(parts, context.requestHeader, userId);
      const answer = casters.cast(arena, userId, cast!);
      if (answer.refused !== undefined) throw refuseCast(answer.refused, answer.waitMs);
      const { castMs, cooldownMs, effects, firstId } = answer;
      return { castMs, cooldownMs, effects: effects.map((effect, i) => toEffect(effect, firstId + i)) };
    },

    async applyBuff({ zoneId, targetId, buffId }, context) {
      const { userId } = callerOf(context.requestHeader);
      const arena = await arenas.require(zoneId);
      requireHere(arena);
      if (!catalog.auras.has(buffId)) throw refuse("buff_unknown", "there is no such buff");
      const target = requireTarget(arena, targetId);
      if (target.dead) throw refuseCast("target_dead", 0);
      arena.carryOut({ type: "aura", id: targetId, aura: buffId, source: userId });
      return { target: toCombatant(arena.zone, zoneId, target) };
    },

    ...createStreams(parts),
  };
}

function requireSelf({ zone }: Arena, userId: string): Combatant {
  const one = zone.combatants.get(userId);
  if (!one) throw refuseCast("not_in_zone", 0);
  return one;
}

function requireTarget({ zone }: Arena, id: string): Combatant {
  const one = zone.combatants.get(id);
  if (!one) throw refuseCast("target_unknown", 0);
  return one;
}
