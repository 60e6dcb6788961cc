import type { WorkflowHandle } from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import type { PurchaseOrder } from "../../workflows/purchase/workflow.ts";
import type { TradeOffer } from "../../workflows/trade/workflow.ts";

/** What an activity does when it is called for the `time`th time in its saga. Those that are not scripted do their work. */
export type Script = Record<string, (time: number) => void>;

type Meanwhile = (handle: WorkflowHandle, called: (call: string) => Promise<void>) => Promise<void>;

/** One way in which a saga can go. Its history is kept under workflows/<saga>/histories/<name>.json. */
export interface Scenario {
  saga: "purchase" | "trade";
  name: string;
  script: Script;
  /** What players and people do meanwhile. `called` waits for a call: `recordStatus NEEDS_REPAIR`. */
  meanwhile?: Meanwhile;
  /** The calls of its activities, in order: those with an operation by its step, the others by the status that they tell. */
  calls: string[];
  /** How often something is tried again in vain is the machine's affair: of calls that repeat each other, one counts. */
  gaveUp?: true;
}

export const refuse = (reason: string) => () => {
  throw ApplicationFailure.nonRetryable("refused", reason);
};
const refuseOnce = (reason: string) => (time: number) => {
  if (time === 1) refuse(reason)();
};

const trouble = (times: number) => (time: number) => {
  if (time <= times) throw ApplicationFailure.retryable("away", "Unavailable");
};

export const order = (purchaseId: string): PurchaseOrder => ({
  purchaseId,
  userId: "11111111-1111-4111-8111-111111111111",
  itemId: "bread",
  quantity: 2,
  price: "4",
});

export const tradeOffer = (validMs = 600_000): TradeOffer => ({
  offered: {
    userId: "11111111-1111-4111-8111-111111111111",
    items: [{ itemId: "bread", quantity: 2 }],
    gold: "5",
  },
  wanted: { userId: "22222222-2222-4222-8222-222222222222", items: [], gold: "7" },
  expireTime: Date.now() + validMs,
});

const answer =
  (given: string): Meanwhile =>
  async (handle, called) => {
    await called("recordStatus STARTED");
    await handle.executeUpdate("answer", { args: [given] });
  };

const repair =
  (decision: string): Meanwhile =>
  async (handle, called) => {
    await called("recordStatus NEEDS_REPAIR");
    await handle.signal("repair", decision);
  };

const unbought = [
  "revertRevenue update_revenue",
  "strikePurchase log_purchase",
  "removeAddedItem add_item",
  "refundGold deduct_gold",
];
const bought = ["deductGold deduct_gold", "addItem add_item", "logPurchase log_purchase"];
const offered = ["reserveItems reserve_offered", "setTradeStatus OFFERED", "recordStatus STARTED"];
const agreed = [...offered, "setTradeStatus ACCEPTED", "reserveItems reserve_wanted", "takeGold take_offered_gold"];
const unagreed = [
  "returnGold take_wanted_gold",
  "returnGold take_offered_gold",
  "releaseItems reserve_wanted",
  "releaseItems reserve_offered",
];
const exchanged = [
  ...agreed,
  "takeGold take_wanted_gold",
  "exchangeItems exchange_items",
  "giveGold give_offered_gold",
];
const done = ["setTradeStatus COMPLETED", "recordStatus COMPLETED"];

export const scenarios: Scenario[] = [
  {
    saga: "purchase",
    name: "completed",
    script: {},
    calls: [...bought, "updateRevenue update_revenue", "recordStatus COMPLETED"],
  },
  {
    saga: "purchase",
    name: "refused",
    script: { deductGold: refuse("not_enough_gold") },
    calls: ["deductGold deduct_gold", ...unbought, "recordStatus COMPENSATED"],
  },
  {
    saga: "purchase",
    name: "compensated",
    script: { logPurchase: refuse("operation_differs") },
    calls: [...bought, ...unbought, "recordStatus COMPENSATED"],
  },
  {
    saga: "purchase",
    name: "troubled",
    script: { addItem: trouble(3), recordStatus: trouble(1) },
    calls: [
      "deductGold deduct_gold",
      ...Array(4).fill("addItem add_item"),
      "logPurchase log_purchase",
      "updateRevenue update_revenue",
      ...Array(2).fill("recordStatus COMPLETED"),
    ],
  },
  {
    saga: "purchase",
    name: "given_up",
    script: { addItem: trouble(Number.POSITIVE_INFINITY) },
    gaveUp: true,
    calls: [...bought.slice(0, 2), "recordStatus STARTED", ...unbought, "recordStatus COMPENSATED"],
  },
  {
    saga: "purchase",
    name: "repaired",
    script: { logPurchase: refuse("operation_differs"), removeAddedItem: refuseOnce("item_spent") },
    meanwhile: repair("retry"),
    calls: [
      ...bought,
      ...unbought,
      "recordStatus NEEDS_REPAIR",
      "removeAddedItem add_item",
      "recordStatus COMPENSATED",
    ],
  },
  {
    saga: "trade",
    name: "completed",
    script: {},
    meanwhile: answer("ACCEPTED"),
    calls: [...exchanged, "giveGold give_wanted_gold", ...done],
  },
  {
    saga: "trade",
    name: "declined",
    script: {},
    meanwhile: answer("DECLINED"),
    calls: [...offered, ...unagreed, "setTradeStatus DECLINED", "recordStatus COMPLETED"],
  },
  {
    saga: "trade",
    name: "compensated",
    script: { exchangeItems: refuse("bag_full") },
    meanwhile: answer("ACCEPTED"),
    calls: [
      ...agreed,
      "takeGold take_wanted_gold",
      "exchangeItems exchange_items",
      ...unagreed,
      "setTradeStatus FAILED",
      "recordStatus COMPENSATED",
    ],
  },
  {
    saga: "trade",
    name: "repaired",
    script: { giveGold: refuseOnce("user_unknown") },
    meanwhile: async (handle, called) => {
      await answer("ACCEPTED")(handle, called);
      await repair("settled")(handle, called);
    },
    calls: [
      ...exchanged,
      "setTradeStatus NEEDS_REPAIR",
      "recordStatus NEEDS_REPAIR",
      "giveGold give_wanted_gold",
      ...done,
    ],
  },
];
