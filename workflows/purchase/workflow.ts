import { defineQuery, proxyLocalActivities, setHandler, workflowInfo } from "@temporalio/workflow";
import { forward, runSaga, undoing } from "../run-saga.ts";
import type { Saga, StepStatus } from "../saga.ts";
import type { createPurchaseActivities } from "./activities.ts";

/** What is bought. The JSON form of the fields of game.inventory.v1.Purchase, and who buys. */
export interface PurchaseOrder {
  purchaseId: string;
  userId: string;
  itemId: string;
  quantity: number;
  /** Of all of it, in whole gold, as text: JSON's numbers end too early. */
  price: string;
}

/** game.inventory.v1.Purchase as JSON. */
export interface Purchase extends Omit<PurchaseOrder, "userId"> {
  /** RFC 3339. */
  createTime: string;
  status: `PURCHASE_STATUS_${"RUNNING" | "COMPLETED" | "FAILED" | "NEEDS_REPAIR"}`;
  reason: string;
  steps: { name: string; status: `PURCHASE_STEP_STATUS_${StepStatus}` }[];
}

export const purchaseQuery = defineQuery<Purchase>("purchase");

type Activities = ReturnType<typeof createPurchaseActivities>;
const { deductGold, addItem, logPurchase, updateRevenue } = proxyLocalActivities<Activities>(forward);
const { refundGold, removeAddedItem, strikePurchase, revertRevenue } = proxyLocalActivities<Activities>(undoing);

/** A player buys items: paid, delivered, logged and counted, or nothing of it. */
export async function purchase(order: PurchaseOrder): Promise<Purchase> {
  const { userId, ...bought } = order;
  const createTime = workflowInfo().startTime.toISOString();
  const shown: Pick<Purchase, "status" | "reason"> = { status: "PURCHASE_STATUS_RUNNING", reason: "" };
  let steps: Saga["steps"] = [];
  const show = (): Purchase => ({
    ...bought,
    ...shown,
    createTime,
    steps: steps.map(({ name, status }) => ({ name, status: `PURCHASE_STEP_STATUS_${status}` })),
  });
  setHandler(purchaseQuery, show);

  await runSaga(
    "purchase",
    userId,
    ({ status, reason }) => {
      shown.status = `PURCHASE_STATUS_${status === "STARTED" ? "RUNNING" : status === "COMPENSATED" ? "FAILED" : status}`;
      shown.reason = reason;
    },
    async (saga) => {
      steps = saga.steps;
      saga.plan({
        deduct_gold: refundGold,
        add_item: removeAddedItem,
        log_purchase: strikePurchase,
        update_revenue: revertRevenue,
      });
      await saga.step("deduct_gold", (id) => deductGold(id, order));
      await saga.step("add_item", (id) => addItem(id, order));
      await saga.step("log_purchase", (id) => logPurchase(id, order));
      await saga.step("update_revenue", (id) => updateRevenue(id, order));
    },
  );
  return show();
}
