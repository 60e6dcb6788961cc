/** What one player gives. */
export interface Side {
  items: { itemId: string; quantity: number }[];
  /** Whole gold. */
  gold: bigint;
}

/** How far a trade is. */
export type Status =
  | "OPENING"
  | "OFFERED"
  | "ACCEPTED"
  | "COMPLETED"
  | "DECLINED"
  | "CANCELLED"
  | "EXPIRED"
  | "FAILED"
  | "NEEDS_REPAIR";

export interface Trade {
  tradeId: string;
  fromUserId: string;
  toUserId: string;
  offered: Side;
  wanted: Side;
  status: Status;
  /** Why it failed; empty otherwise. */
  reason: string;
  createTime: Date;
  expireTime: Date;
}

/** Why an offer makes no sense; undefined when it does. */
export function faultOf(
  offer: Pick<Trade, "fromUserId" | "toUserId" | "offered" | "wanted">,
): "trade_with_oneself" | "trade_of_nothing" | "item_twice" | undefined {
  if (offer.fromUserId === offer.toUserId) return "trade_with_oneself";
  const sides = [offer.offered, offer.wanted];
  if (sides.every(({ items, gold }) => items.length === 0 && gold === 0n)) return "trade_of_nothing";
  const twice = ({ items }: Side) => new Set(items.map(({ itemId }) => itemId)).size < items.length;
  return sides.some(twice) ? "item_twice" : undefined;
}

const stages: Record<Status, number> = {
  OPENING: 0,
  OFFERED: 1,
  ACCEPTED: 2,
  NEEDS_REPAIR: 3,
  COMPLETED: 4,
  DECLINED: 4,
  CANCELLED: 4,
  EXPIRED: 4,
  FAILED: 4,
};

/** Whether `next` comes after `current`; what is told late does not. */
export const replaces = (next: Status, current: Status): boolean => stages[next] > stages[current];

/** Whether nothing more becomes of it. */
export const isEnd = (status: Status): boolean => stages[status] === stages.COMPLETED;
