import { mitigate, roll } from "./amounts.ts";
import { perMille } from "./arithmetic.ts";
import { layAura } from "./auras.ts";
import type { Skill } from "./catalog.ts";
import type { CastOutcome, Refusal } from "./effect.ts";
import { distanceSquared, isInSight, isWithin, type Point } from "./geometry.ts";
import { heal, hurt, interrupt } from "./harm.ts";
import { type Due, schedule } from "./timeline.ts";
import { type Combatant, isAlly, isEnemy, isStunned, type Zone } from "./zone.ts";

/** What somebody wants to cast. Without a target, an ally's skill is for oneself. */
export interface Wish {
  skill: string;
  target?: string | undefined;
  point?: Point | undefined;
}

/** A target that runs from a long cast is hit as far as this beyond the range, per mille. */
const reachAtEnd = 1_200;

interface Aim {
  target: Combatant;
  point: Point;
}

/** Casts at once, or begins to. */
export function cast(zone: Zone, casterId: string, wish: Wish): CastOutcome {
  const judged = judge(zone, casterId, wish);
  if ("refused" in judged) return judged;
  const { caster, skill, aim } = judged;
  begin(zone, caster, skill, aim);
  return { castMs: skill.castMs, cooldownMs: skill.cooldownMs };
}

/** Whether it could be cast, and why not. Changes nothing. */
export function judge(
  zone: Zone,
  casterId: string,
  wish: Wish,
): { caster: Combatant; skill: Skill; aim: Aim } | (CastOutcome & { refused: Refusal }) {
  const caster = zone.combatants.get(casterId);
  if (!caster) return refused("not_in_zone");
  const skill = zone.catalog.skills.get(wish.skill);
  if (!skill || (caster.isPlayer ? skill.by !== "player" : !caster.kind.skills.includes(skill)))
    return refused("skill_unknown");
  if (caster.dead) return refused("caster_dead");
  if (isStunned(caster)) return refused("caster_stunned");
  if (caster.casting) return refused("already_casting");
  const waitMs = (caster.readyAt.get(skill.id) ?? 0) - zone.now;
  if (waitMs > 0) return refused("on_cooldown", waitMs);
  const aim = aimOf(zone, caster, skill, wish);
  if (typeof aim === "string") return refused(aim);
  const blocked = whyNot(zone, caster, skill, aim, skill.rangeCm);
  return blocked ? refused(blocked) : { caster, skill, aim };
}

/** The end of a cast that took its time: much may have changed meanwhile. */
export function endCast(zone: Zone, caster: Combatant, { serial }: Due): void {
  const { casting } = caster;
  if (casting?.serial !== serial) return;
  const { skill, point } = casting;
  const target = zone.combatants.get(casting.target);
  const aim = target && { target, point: skill.target === "point" ? point : target };
  const blocked = aim ? whyNotAnyMore(zone, caster, skill, aim) : "target_gone";
  if (!aim || blocked) {
    interrupt(zone, caster, blocked ?? "target_gone");
    return;
  }
  caster.casting = undefined;
  launch(zone, caster, skill, aim);
}

const refused = (reason: Refusal, waitMs = 0) => ({ refused: reason, waitMs });

/** Whom or what it is for. */
function aimOf(zone: Zone, caster: Combatant, skill: Skill, wish: Wish): Aim | Refusal {
  if (skill.target === "self") return { target: caster, point: caster };
  if (skill.target === "point") return wish.point ? { target: caster, point: wish.point } : "position_missing";
  if (!wish.target) return skill.target === "ally" ? { target: caster, point: caster } : "target_missing";
  const target = zone.combatants.get(wish.target);
  if (!target) return "target_unknown";
  if (target.dead) return "target_dead";
  const fits = skill.target === "enemy" ? isEnemy(zone, caster, target) : isAlly(caster, target);
  return fits ? { target, point: target } : "target_invalid";
}

function whyNot(zone: Zone, caster: Combatant, skill: Skill, { target, point }: Aim, rangeCm: number) {
  if (skill.target !== "point" && target === caster) return undefined;
  if (!isWithin(caster, point, rangeCm)) return "out_of_range";
  return isInSight(caster, point, zone.obstacles) ? undefined : "no_line_of_sight";
}

const whyNotAnyMore = (zone: Zone, caster: Combatant, skill: Skill, aim: Aim) =>
  aim.target.dead ? "target_dead" : whyNot(zone, caster, skill, aim, perMille(skill.rangeCm, reachAtEnd));

/** From here on the skill cools down, whatever comes of it. */
function begin(zone: Zone, caster: Combatant, skill: Skill, aim: Aim): void {
  caster.readyAt.set(skill.id, zone.now + skill.cooldownMs);
  if (skill.castMs === 0) {
    launch(zone, caster, skill, aim);
    return;
  }
  const serial = ++zone.serial;
  const { x, y } = aim.point;
  caster.casting = {
    skill,
    target: aim.target.id,
    point: { x, y },
    from: { x: caster.x, y: caster.y },
    serial,
  };
  schedule(zone.timeline, zone.now + skill.castMs, "cast_end", caster.id, serial);
  const { id, castMs } = skill;
  zone.effects.push({
    at: zone.now,
    kind: "cast_begun",
    source: caster.id,
    target: aim.target.id,
    skill: id,
    castMs,
  });
}

function launch(zone: Zone, caster: Combatant, skill: Skill, { target, point }: Aim): void {
  zone.effects.push({ at: zone.now, kind: "cast", source: caster.id, target: target.id, skill: skill.id });
  const reached = skill.area ? around(zone, caster, point, skill.area) : [target];
  for (const one of reached) affect(zone, caster, one, skill);
}

function affect(zone: Zone, caster: Combatant, target: Combatant, skill: Skill): void {
  if (skill.interrupts) interrupt(zone, target, "interrupted", caster.id);
  if (skill.damage) {
    const { amount, critical } = roll(zone.random, skill.damage, caster.stats);
    const taken = mitigate(amount, skill.school, target.stats);
    hurt(zone, caster, target, { by: skill.id, school: skill.school, amount: taken, critical });
  }
  if (target.dead) return;
  if (skill.healing) heal(zone, caster, target, { by: skill.id, ...roll(zone.random, skill.healing, caster.stats) });
  if (skill.aura) layAura(zone, caster.id, target, skill.aura);
}

/** Whom an area reaches: those in sight of its middle, the nearest first. */
function around(
  zone: Zone,
  caster: Combatant,
  middle: Point,
  { radiusCm, maxTargets, allies }: NonNullable<Skill["area"]>,
): Combatant[] {
  const found: Combatant[] = [];
  for (const one of zone.combatants.values())
    if (
      !one.dead &&
      (allies ? isAlly(caster, one) : isEnemy(zone, caster, one)) &&
      isWithin(middle, one, radiusCm) &&
      isInSight(middle, one, zone.obstacles)
    )
      found.push(one);
  // The sort is stable: of those equally near, who came first.
  found.sort((a, b) => distanceSquared(middle, a) - distanceSquared(middle, b));
  return found.slice(0, maxTargets);
}
