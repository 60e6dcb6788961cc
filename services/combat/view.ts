import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Cast, type CastResult, CastResultSchema } from "#gen/game/combat/v1/combat_service_pb.ts";
import {
  type Combatant as CombatantMessage,
  CombatantSchema,
  School as SchoolEnum,
  type Skill as SkillMessage,
  SkillSchema,
  SkillTarget,
} from "#gen/game/combat/v1/combatant_pb.ts";
import { type Effect as EffectMessage, EffectSchema } from "#gen/game/combat/v1/effect_pb.ts";
import type { CastAnswer } from "./casting.ts";
import type { Wish } from "./rules/cast.ts";
import type { School, Skill } from "./rules/catalog.ts";
import type { Effect } from "./rules/effect.ts";
import type { Combatant, Zone } from "./rules/zone.ts";

const schools: Record<School, SchoolEnum> = {
  physical: SchoolEnum.PHYSICAL,
  fire: SchoolEnum.FIRE,
  frost: SchoolEnum.FROST,
  nature: SchoolEnum.NATURE,
  holy: SchoolEnum.HOLY,
};
const targets: Record<Skill["target"], SkillTarget> = {
  enemy: SkillTarget.ENEMY,
  ally: SkillTarget.ALLY,
  self: SkillTarget.SELF,
  point: SkillTarget.POSITION,
};

export function toWish({ skillId, targetId, position }: Cast): Wish {
  return {
    skill: skillId,
    ...(targetId !== "" && { target: targetId }),
    ...(position && { point: { x: position.x, y: position.y } }),
  };
}

export function toSkill({ id, school, target, rangeCm, castMs, cooldownMs, area, aura }: Skill): SkillMessage {
  return create(SkillSchema, {
    skillId: id,
    school: schools[school],
    target: targets[target],
    range: rangeCm,
    castMs,
    cooldownMs,
    radius: area?.radiusCm ?? 0,
    buffId: aura?.id ?? "",
  });
}

/** @param own what only the combatant itself is told. */
export function toCombatant(
  zone: Zone,
  zoneId: string,
  one: Combatant,
  own?: { lastSequence: number },
): CombatantMessage {
  const remaining = (until: number) => Math.max(until - zone.now, 0);
  return create(CombatantSchema, {
    combatantId: one.id,
    npcKind: one.isPlayer ? "" : one.kind.id,
    zoneId,
    hp: one.hp,
    maxHp: one.stats.maxHp,
    dead: one.dead,
    x: one.x,
    y: one.y,
    buffs: one.auras.map(({ kind, source, stacks, until }) => ({
      buffId: kind.id,
      sourceId: source,
      stacks,
      remainingMs: remaining(until),
    })),
    ...(one.casting && { casting: { skillId: one.casting.skill.id, targetId: one.casting.target } }),
    ...(own && {
      lastSequence: BigInt(own.lastSequence),
      cooldowns: [...one.readyAt]
        .filter(([, at]) => at > zone.now)
        .map(([skillId, at]) => ({ skillId, remainingMs: remaining(at) })),
    }),
  });
}

export function toResult(sequence: bigint, answer: CastAnswer): CastResult {
  return create(CastResultSchema, {
    sequence,
    outcome:
      answer.refused === undefined
        ? { case: "accepted", value: { castMs: answer.castMs, cooldownMs: answer.cooldownMs } }
        : { case: "refused", value: { reason: answer.refused, waitMs: answer.waitMs } },
  });
}

export const toEffect = (effect: Effect, effectId: number): EffectMessage =>
  create(EffectSchema, {
    effectId: BigInt(effectId),
    sourceId: effect.source,
    targetId: effect.target,
    fact: factOf(effect),
  });

function factOf(effect: Effect): NonNullable<MessageInitShape<typeof EffectSchema>["fact"]> {
  switch (effect.kind) {
    case "cast_begun":
      return { case: "castBegun", value: { skillId: effect.skill, castMs: effect.castMs } };
    case "cast":
      return { case: "castLaunched", value: { skillId: effect.skill } };
    case "interrupted":
      return { case: "castInterrupted", value: { skillId: effect.skill, reason: effect.reason } };
    case "damage": {
      const { by, amount, absorbed, critical, hp } = effect;
      return { case: "damage", value: { by, school: schools[effect.school], amount, absorbed, critical, hp } };
    }
    case "healing": {
      const { by, amount, critical, hp } = effect;
      return { case: "healing", value: { by, amount, critical, hp } };
    }
    case "aura": {
      const { aura, stacks, durationMs } = effect;
      return { case: "buffApplied", value: { buffId: aura, stacks, durationMs } };
    }
    case "aura_ended":
      return { case: "buffEnded", value: { buffId: effect.aura } };
    case "death":
      return { case: "death", value: { by: effect.by } };
    case "respawn":
      return { case: "respawn", value: { hp: effect.hp } };
    case "drop":
      return { case: "itemDrop", value: { itemId: effect.itemId, quantity: effect.quantity } };
    case "revival":
      return { case: undefined };
  }
}
