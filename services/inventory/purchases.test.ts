import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { WorkflowClient } from "@temporalio/client";
import { PurchaseStatus } from "#gen/game/inventory/v1/purchase_pb.ts";
import type { TemporalClient } from "#kit/temporal.ts";
import { createTemporalPurchases } from "./purchases.ts";

const memo = { itemId: "iron_sword", quantity: 1, price: "100" };

/** Temporal as it is under load, with a saga that has just ended: each question takes the longest that it may. */
const slow: Pick<TemporalClient, "ask"> = {
  async ask(call, withinMs = 2_000) {
    await pause(withinMs);
    const silent = async () => {
      throw new Error("not answered in time");
    };
    const described = async () => ({ memo, startTime: new Date(), status: { name: "COMPLETED" } });
    const handle = { query: silent, describe: described };
    return await call({ result: silent, getHandle: () => handle } as unknown as WorkflowClient);
  },
};

test("waiting for a purchase ends in time, however slowly Temporal answers", async () => {
  const purchases = createTemporalPurchases(slow as TemporalClient);
  const waitMs = 3_500;
  const start = Date.now();
  const purchase = await purchases.wait("u", "purchase-u-1", waitMs);
  const tookMs = Date.now() - start;
  assert.equal(purchase.status, PurchaseStatus.RUNNING);
  assert.equal(purchase.price, 100n);
  assert.ok(tookMs < waitMs + 500, `took ${tookMs} ms`);
});
