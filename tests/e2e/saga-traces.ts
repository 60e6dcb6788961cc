import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InventoryService } from "#gen/game/inventory/v1/inventory_service_pb.ts";
import { SocialService } from "#gen/game/social/v1/social_service_pb.ts";
import { TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import { createEdgeClient } from "../support/clients.ts";
import { joinGame } from "../support/players.ts";
import { assertEdges, beginTrace, type Edge, nameOf } from "../support/trace-edges.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";
import { buy, endOf } from "./purchases.ts";

/** One step: from the workflow by its activity, both sidecars and the service to the tables. */
function step(workflow: string, activity: string, service: string, rpc: string): Edge[] {
  const [, name] = rpc.split("/");
  return [
    [new RegExp(`^saga-worker RunWorkflow:${workflow}$`), new RegExp(`^saga-worker StartActivity:${activity}$`)],
    [new RegExp(`^saga-worker StartActivity:${activity}$`), new RegExp(`^saga-worker RunActivity:${activity}$`)],
    [new RegExp(`^saga-worker RunActivity:${activity}$`), new RegExp(`^saga-worker game\\.${service}\\.v1\\.${rpc}$`)],
    [new RegExp(`^saga-worker game.*/${name}$`), /^saga-worker\.game /],
    [/^saga-worker\.game /, new RegExp(`^${service}\\.game `)],
    [new RegExp(`^${service}\\.game `), new RegExp(`^${service} game\\.${service}\\.v1\\.${rpc}$`)],
    [new RegExp(`^${service} game\\.${service}\\.v1\\.${rpc}$`), new RegExp(`^${service} pg\\.query`)],
  ];
}

/** From the player's call to the workflow. */
const begin = (workflow: string, service: string, rpc: string): Edge[] => [
  [/^edge\.game /, new RegExp(`^${service}\\.game `)],
  [new RegExp(`^${service}\\.game `), new RegExp(`^${service} game\\.${service}\\.v1\\.${rpc}$`)],
  [new RegExp(`^${service} game.*/${rpc.split("/")[1]}$`), new RegExp(`^${service} StartWorkflow:${workflow}$`)],
  [new RegExp(`^${service} StartWorkflow:${workflow}$`), new RegExp(`^saga-worker RunWorkflow:${workflow}$`)],
];

/** By the outbox and Kafka to whoever listens. */
const told = (service: string, rpc: string, topic: string, event: string): Edge[] => [
  [new RegExp(`^${service} game.*/${rpc}$`), new RegExp(`^${service} send ${topic}$`)],
  [new RegExp(`^${service} send ${topic}$`), new RegExp(`^analytics process ${event}$`)],
  [new RegExp(`^analytics process ${event}$`), /^analytics pg\.query/],
];

const purchase: Edge[] = [
  ...begin("purchase", "inventory", "InventoryService/PurchaseItem"),
  ...step("purchase", "deductGold", "account", "GoldLedgerService/DeductGold"),
  ...step("purchase", "addItem", "inventory", "ItemLedgerService/AddItem"),
  ...told("inventory", "AddItem", "game-events", "item_obtained"),
  ...step("purchase", "logPurchase", "analytics", "PurchaseLedgerService/LogPurchase"),
  ...step("purchase", "updateRevenue", "analytics", "PurchaseLedgerService/AddRevenue"),
  ...step("purchase", "recordStatus", "analytics", "PurchaseLedgerService/RecordSagaStatus"),
];

const compensated: Edge[] = [
  ...step("purchase", "deductGold", "account", "GoldLedgerService/DeductGold"),
  ...step("purchase", "addItem", "inventory", "ItemLedgerService/AddItem"),
  ...step("purchase", "removeAddedItem", "inventory", "ItemLedgerService/RemoveAddedItem"),
  ...step("purchase", "refundGold", "account", "GoldLedgerService/RefundGold"),
  ...step("purchase", "recordStatus", "analytics", "PurchaseLedgerService/RecordSagaStatus"),
];

const trade: Edge[] = [
  ...begin("trade", "social", "SocialService/OfferTrade"),
  ...step("trade", "reserveItems", "inventory", "ItemLedgerService/ReserveItems"),
  ...step("trade", "setTradeStatus", "social", "TradeLedgerService/SetTradeStatus"),
  ...step("trade", "takeGold", "account", "GoldLedgerService/DeductGold"),
  ...step("trade", "exchangeItems", "inventory", "ItemLedgerService/ExchangeItems"),
  ...told("inventory", "ExchangeItems", "game-events", "item_obtained"),
  ...step("trade", "giveGold", "account", "GoldLedgerService/CreditGold"),
];

/** One trace from the player's call to the last consumer, over every step, also when they are undone. */
export function sagaTraces(platform: Platform): void {
  const join = () => joinGame(edgeOf(platform));
  const jaeger = () => `http://127.${platform().network}.0.1:16686`;

  describe("traces of sagas", () => {
    for (const [title, edges, itemId] of [
      ["a purchase", purchase, "bread"],
      ["a purchase that is undone", compensated, "wooden_sword"],
    ] as const)
      test(title, async () => {
        const ann = await join();
        await buy(ann, "wooden_sword", 5);
        const { traceId, headers } = beginTrace();
        const inventory = createEdgeClient(InventoryService, edgeOf(platform), { headers, token: ann.accessToken });
        const { purchaseId } = await inventory.purchaseItem({ requestId: "traced", itemId, quantity: 1 });
        await endOf(ann, purchaseId);
        const spans = await assertEdges(jaeger(), traceId, [...edges]);
        assert.equal(new Set(spans.map(({ id }) => id)).size, spans.length, "no span twice");
      });

    test("a trade, whose worker is another at its end than at its beginning: no span comes twice", async () => {
      const [ann, bob] = await Promise.all([join(), join()]);
      await buy(ann, "bread", 2);
      const { traceId, headers } = beginTrace();
      const social = createEdgeClient(SocialService, edgeOf(platform), { headers, token: ann.accessToken });
      const offered = { items: [{ itemId: "bread", quantity: 2 }] };
      const { trade: made } = await social.offerTrade({
        requestId: "traced",
        toUserId: bob.userId,
        offered,
        wanted: { gold: 3n },
        validS: 600,
      });
      const { tradeId } = made!;
      const reached = (status: TradeStatus) =>
        until(
          `the trade is ${status}`,
          async () => (await bob.social.getTrade({ tradeId })).trade?.status === status,
          120_000,
        );
      await reached(TradeStatus.OFFERED);
      const worker = platform().process("saga-worker");
      await worker.restart();
      await worker.waitReady();
      await until("it is accepted", () => bob.social.acceptTrade({ tradeId }), 60_000);
      await reached(TradeStatus.COMPLETED);
      const spans = await assertEdges(jaeger(), traceId, trade);
      assert.equal(new Set(spans.map(({ id }) => id)).size, spans.length, "no span twice");
      const count = (name: RegExp) => spans.filter((span) => name.test(nameOf(span))).length;
      assert.deepEqual(
        [count(/RunWorkflow:trade$/), count(/StartActivity:reserveItems$/), count(/StartActivity:exchangeItems$/)],
        [1, 2, 1],
      );
    });
  });
}
