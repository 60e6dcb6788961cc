import { toOutgoing } from "#kit/events.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";

const source = "combat";

/** A hit, or several by the same means of the same combatant on the same one, told as one. */
export interface Hits {
  /** The player whom it is told of: the attacker, or the target of an NPC. */
  userId: string;
  attackerId: string;
  targetId: string;
  skillId: string;
  damage: number;
  killed: boolean;
}

export const combatResult = ({ userId, ...value }: Hits): OutgoingEvent =>
  toOutgoing("game-events", source, userId, { case: "combatResult", value });

/** An NPC has left something to a player. */
export const itemObtained = (userId: string, itemId: string, quantity: number): OutgoingEvent =>
  toOutgoing("game-events", source, userId, {
    case: "itemObtained",
    value: { itemId, quantity, source: "monster_drop" },
  });
