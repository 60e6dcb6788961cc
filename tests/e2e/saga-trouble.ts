import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { PurchaseStatus } from "#gen/game/inventory/v1/purchase_pb.ts";
import { TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import { readSagas, repairSaga } from "../../stack/sagas/sagas.ts";
import { drawSagas } from "../../stack/sagas/view.ts";
import { joinGame } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";
import { buy, endOf, ownedBy } from "./purchases.ts";
import { offer } from "./trades.ts";

/** Sagas while parts are away: wholly done or wholly not, and what a person does when they cannot help themselves. */
export function sagaTrouble(platform: Platform): void {
  const join = () => joinGame(edgeOf(platform));

  describe("sagas in trouble", () => {
    test("while Temporal is away a purchase is refused with a hint to come again, and nothing is done; then it works", async () => {
      const ann = await join();
      const had = await ownedBy(ann);
      const order = { requestId: "later", itemId: "bread", quantity: 1 };
      await platform().process("temporal").stop();
      await assert.rejects(ann.inventory.purchaseItem(order), (error) => {
        const { code, metadata } = ConnectError.from(error);
        assert.deepEqual([Code[code], metadata.get("retry-after")], ["Unavailable", "2"]);
        return true;
      });
      assert.deepEqual(await ownedBy(ann), had);
      await platform().process("temporal").start();
      const begun = await until("it can be bought", () => ann.inventory.purchaseItem(order), 120_000);
      assert.equal((await endOf(ann, begun.purchaseId)).status, PurchaseStatus.COMPLETED);
      assert.deepEqual(await ownedBy(ann), { gold: had.gold - 2, items: { bread: 1 } });
    });

    test("a worker that is killed in the middle leaves nothing half done", async () => {
      const ann = await join();
      const had = await ownedBy(ann);
      const { purchaseId } = await ann.inventory.purchaseItem({ requestId: "k", itemId: "arrow", quantity: 5 });
      platform().process("saga-worker").kill();
      assert.equal((await endOf(ann, purchaseId)).status, PurchaseStatus.COMPLETED);
      assert.deepEqual(await ownedBy(ann), { gold: had.gold - 5, items: { arrow: 5 } });
    });

    test("what cannot be undone waits for a person, who sees it and finishes it by one command", async () => {
      const [ann, bob] = await Promise.all([join(), join()]);
      const had = await ownedBy(ann);
      const analytics = platform().process("analytics");
      // The log can't be written, so all is to be undone; but by then the bread is no longer Ann's.
      analytics.kill("SIGSTOP");
      const { purchaseId } = await ann.inventory.purchaseItem({ requestId: "r", itemId: "bread", quantity: 3 });
      await until("the bread is there", async () => (await ownedBy(ann)).items.bread === 3);
      const give = await offer(ann, bob, { items: [{ itemId: "bread", quantity: 3 }] }, {});
      await give.reached(TradeStatus.OFFERED);
      await bob.social.acceptTrade({ tradeId: give.tradeId });
      await give.reached(TradeStatus.COMPLETED);
      await until(
        "the purchase turns back",
        async () => {
          for await (const { purchase } of ann.inventory.watchPurchase({ purchaseId }))
            if (purchase!.steps.some(({ name, status }) => name === "log_purchase" && status !== 1)) return true;
          return false;
        },
        60_000,
      ).finally(() => analytics.kill("SIGCONT"));
      const stuck = await endOf(ann, purchaseId);
      assert.deepEqual([stuck.status, stuck.reason], [PurchaseStatus.NEEDS_REPAIR, "add_item: item_spent"]);

      const { stateDir, temporalAddress } = platform();
      const shown = await until("it is listed", async () => {
        const { statistics, needRepair } = await readSagas(edgeOf(platform), stateDir);
        return needRepair.some(({ sagaId }) => sagaId === purchaseId) && drawSagas(statistics, needRepair).join("\n");
      });
      assert.match(shown, new RegExp(`These need a person:\n${purchaseId} +needs_repair +add_item: item_spent`));

      // Bob gives it back: now it can be undone.
      const back = await offer(bob, ann, { items: [{ itemId: "bread", quantity: 3 }] }, {});
      await back.reached(TradeStatus.OFFERED);
      await ann.social.acceptTrade({ tradeId: back.tradeId });
      await back.reached(TradeStatus.COMPLETED);
      await repairSaga(temporalAddress, purchaseId, "retry");
      await until("it has ended", async () => (await endOf(ann, purchaseId)).status === PurchaseStatus.FAILED);
      assert.deepEqual(await ownedBy(ann), { ...had, items: {} });
      await until("nothing needs repair", async () => {
        const { needRepair } = await readSagas(edgeOf(platform), stateDir);
        return needRepair.length === 0;
      });
      await assert.rejects(repairSaga(temporalAddress, purchaseId, "retry"), /unknown or has ended/);
      assert.equal((await buy(ann, "bread")).status, PurchaseStatus.COMPLETED);
    });
  });
}
