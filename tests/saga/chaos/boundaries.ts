import type { Boundary } from "./schedule.ts";

type Call = Omit<Boundary, "saga" | "moment">;

const step = (step: string, method: string): Call => ({ step, method, undo: false });
const undo = (step: string, method: string): Call => ({ step, method, undo: true });

/** What the worker calls for each saga, from the contracts; a test holds them against what a run has seen. */
const calls: Record<Boundary["saga"], Call[]> = {
  purchase: [
    step("deduct_gold", "DeductGold"),
    step("add_item", "AddItem"),
    step("log_purchase", "LogPurchase"),
    step("update_revenue", "AddRevenue"),
    undo("update_revenue", "RevertRevenue"),
    undo("log_purchase", "StrikePurchase"),
    undo("add_item", "RemoveAddedItem"),
    undo("deduct_gold", "RefundGold"),
  ],
  trade: [
    step("reserve_offered", "ReserveItems"),
    step("reserve_wanted", "ReserveItems"),
    step("take_offered_gold", "DeductGold"),
    step("take_wanted_gold", "DeductGold"),
    step("exchange_items", "ExchangeItems"),
    step("give_offered_gold", "CreditGold"),
    step("give_wanted_gold", "CreditGold"),
    undo("take_wanted_gold", "RefundGold"),
    undo("take_offered_gold", "RefundGold"),
    undo("reserve_wanted", "ReleaseItems"),
    undo("reserve_offered", "ReleaseItems"),
  ],
};

/** Every place where a saga can be struck: both sides of each call. */
export const boundaries: readonly Boundary[] = (["purchase", "trade"] as const).flatMap((saga) =>
  calls[saga].flatMap((call) => (["before", "after"] as const).map((moment) => ({ saga, ...call, moment }))),
);

/** The last step that can fail: there, a saga is doomed when an undo is to be struck. */
export const lastStep: Record<Boundary["saga"], string> = { purchase: "update_revenue", trade: "exchange_items" };

/** The service that answers for a method. */
export function targetOf({ method }: Boundary): string {
  if (/Gold$/.test(method)) return "account";
  return /Item/.test(method) ? "inventory" : "analytics";
}

export const nameOf = ({ saga, step, method, moment }: Boundary): string => `${saga} ${step} ${method} ${moment}`;
