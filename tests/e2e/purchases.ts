import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { type Purchase, PurchaseStatus, PurchaseStepStatus as Step } from "#gen/game/inventory/v1/purchase_pb.ts";
import { joinGame, type Player } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** Whether an error is the refusal of that code and reason. */
export const refused = (code: Code, reason: string) => (error: unknown) => {
  const { code: got, rawMessage } = ConnectError.from(error);
  const [info] = ConnectError.from(error).findDetails(ErrorInfoSchema);
  assert.deepEqual([Code[got], info?.reason], [Code[code], reason], rawMessage);
  return true;
};

/** Buys, and waits for the end. */
export async function buy(player: Player, itemId: string, quantity = 1, requestId = randomUUID()): Promise<Purchase> {
  const { purchaseId } = await player.inventory.purchaseItem({ requestId, itemId, quantity });
  return await endOf(player, purchaseId);
}

/** A purchase at its end, or where it needs a person. */
export function endOf({ inventory }: Player, purchaseId: string): Promise<Purchase> {
  const look = async () => {
    const { purchase } = await inventory.waitPurchase({ purchaseId });
    return purchase!.status !== PurchaseStatus.RUNNING && purchase;
  };
  return until("the purchase ends", look, 60_000);
}

/** Gold, and what is in the bag. */
export async function ownedBy({
  account,
  inventory,
}: Player): Promise<{ gold: number; items: Record<string, number> }> {
  const [{ balance }, { items }] = await Promise.all([account.getBalance({}), inventory.listItems({})]);
  return {
    gold: Number(balance),
    items: Object.fromEntries(items.map(({ itemId, quantity }) => [itemId, quantity])),
  };
}

const stepsOf = ({ steps }: Purchase) => steps.map(({ name, status }) => [name, status]);

/** Buying through the edge, with everything in its place. */
export function purchases(platform: Platform): void {
  const join = () => joinGame(edgeOf(platform));

  describe("purchases", () => {
    test("what is bought is paid and in the bag when the purchase has ended", async () => {
      const ann = await join();
      const before = await ownedBy(ann);
      const purchase = await buy(ann, "health_potion", 3);
      assert.equal(purchase.status, PurchaseStatus.COMPLETED);
      assert.deepEqual([purchase.itemId, purchase.quantity, purchase.price], ["health_potion", 3, 30n]);
      assert.deepEqual(
        stepsOf(purchase),
        ["deduct_gold", "add_item", "log_purchase", "update_revenue"].map((name) => [name, Step.COMPLETED]),
      );
      assert.deepEqual(await ownedBy(ann), { gold: before.gold - 30, items: { health_potion: 3 } });
    });

    test("the same request, at once and again after its end, is one purchase; with something else it is refused", async () => {
      const ann = await join();
      const { gold } = await ownedBy(ann);
      const order = { requestId: "mine", itemId: "bread", quantity: 2 };
      const begun = await Promise.all(Array.from({ length: 5 }, () => ann.inventory.purchaseItem(order)));
      assert.equal(new Set(begun.map(({ purchaseId }) => purchaseId)).size, 1);
      await endOf(ann, begun[0]!.purchaseId);
      assert.deepEqual(await ann.inventory.purchaseItem(order), begun[0]);
      assert.deepEqual(await ownedBy(ann), { gold: gold - 4, items: { bread: 2 } });
      await assert.rejects(
        ann.inventory.purchaseItem({ ...order, quantity: 3 }),
        refused(Code.FailedPrecondition, "request_differs"),
      );
    });

    test("too little gold ends it at once, with nothing done", async () => {
      const ann = await join();
      const before = await ownedBy(ann);
      const purchase = await buy(ann, "royal_warhorse");
      assert.deepEqual([purchase.status, purchase.reason], [PurchaseStatus.FAILED, "not_enough_gold"]);
      assert.deepEqual(stepsOf(purchase), [["deduct_gold", Step.FAILED]]);
      assert.deepEqual(await ownedBy(ann), before);
    });

    test("a bag without room gives the gold back", async () => {
      const ann = await join();
      assert.equal((await buy(ann, "wooden_sword", 5)).status, PurchaseStatus.COMPLETED);
      const before = await ownedBy(ann);
      const purchase = await buy(ann, "wooden_sword");
      assert.deepEqual([purchase.status, purchase.reason], [PurchaseStatus.FAILED, "bag_full"]);
      assert.deepEqual(stepsOf(purchase), [
        ["deduct_gold", Step.COMPENSATED],
        ["add_item", Step.FAILED],
      ]);
      assert.deepEqual(await ownedBy(ann), before);
    });

    test("an unknown item, one that is not for sale, and impossible numbers begin nothing", async () => {
      const ann = await join();
      const order = (itemId: string, quantity: number) =>
        ann.inventory.purchaseItem({ requestId: randomUUID(), itemId, quantity });
      await assert.rejects(order("excalibur", 1), refused(Code.NotFound, "item_unknown"));
      await assert.rejects(order("ruby", 1), refused(Code.FailedPrecondition, "not_for_sale"));
      for (const quantity of [0, -1, 101, 2 ** 31 - 1])
        await assert.rejects(order("bread", quantity), { code: Code.InvalidArgument });
    });

    test("a purchase is its player's alone", async () => {
      const [ann, bob] = [await join(), await join()];
      const { purchaseId } = await buy(ann, "bread");
      const unknown = refused(Code.NotFound, "purchase_unknown");
      await assert.rejects(bob.inventory.waitPurchase({ purchaseId }), unknown);
      await assert.rejects(bob.inventory.watchPurchase({ purchaseId })[Symbol.asyncIterator]().next(), unknown);
      const mine = `purchase-${ann.userId}-never`;
      await assert.rejects(ann.inventory.waitPurchase({ purchaseId: mine }), unknown);
    });

    test("a stream shows the steps as they come, and closes after the end", async () => {
      const ann = await join();
      const stack = platform();
      // While account stands still, so does the first step.
      stack.process("account").kill("SIGSTOP");
      const { purchaseId } = await ann.inventory.purchaseItem({ requestId: "w", itemId: "bread", quantity: 1 });
      const seen: Purchase[] = [];
      try {
        for await (const { purchase } of ann.inventory.watchPurchase({ purchaseId })) {
          seen.push(purchase!);
          if (seen.length === 1) {
            assert.equal(purchase!.status, PurchaseStatus.RUNNING);
            stack.process("account").kill("SIGCONT");
          }
        }
      } finally {
        stack.process("account").kill("SIGCONT");
      }
      assert.equal(seen.at(-1)!.status, PurchaseStatus.COMPLETED);
      assert.equal(stepsOf(seen.at(-1)!).length, 4);
    });
  });
}
