import type { Purchase } from "#gen/game/inventory/v1/purchase_pb.ts";
import { refuse } from "./refusals.ts";

/** What a player wants to buy. */
export interface Order {
  userId: string;
  /** The player's own name for it: the same again is the same purchase. */
  requestId: string;
  itemId: string;
  quantity: number;
  /** Of all of it, in whole gold. */
  price: bigint;
}

/** The sagas that buy. */
export interface Purchases {
  /**
   * Begins a purchase, or finds the one that was begun under this request id.
   *
   * @returns its id, and the price that it was begun with.
   * @throws ConnectError UNAVAILABLE (`sagas_away`) while sagas cannot run; then nothing was begun.
   */
  begin(order: Order): Promise<{ purchaseId: string; price: bigint }>;
  /**
   * The purchase at its end, or as it stands after `waitMs`.
   *
   * @throws ConnectError NOT_FOUND (`purchase_unknown`) when the user has none of that id.
   */
  wait(userId: string, purchaseId: string, waitMs: number, signal: AbortSignal): Promise<Purchase>;
  /** The purchase as it stands, and again whenever a step begins or ends, up to its end. Throws as `wait`. */
  watch(userId: string, purchaseId: string, signal: AbortSignal): AsyncIterable<Purchase>;
}

/** Until sagas can run, every call is refused. */
export function createPurchases(): Purchases {
  const away = () => refuse("sagas_away", "nothing can be bought now, try again", { retryAfterS: 5 });
  return {
    async begin() {
      throw away();
    },
    async wait() {
      throw away();
    },
    // biome-ignore lint/correctness/useYield: it ends before the first
    async *watch() {
      throw away();
    },
  };
}
