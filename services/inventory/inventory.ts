import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type InventoryService, WatchPurchaseResponseSchema } from "#gen/game/inventory/v1/inventory_service_pb.ts";
import { callerOf } from "#kit/identity.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Purchases } from "./purchases.ts";
import { refuse } from "./refusals.ts";
import type { BagStore } from "./store.ts";

/** So much less than the 5 s that the mesh gives a call that a slow machine's delays find room. */
const waitMs = 3_500;

/** Answers for game.inventory.v1.InventoryService. */
export function createInventoryService(parts: {
  store: Pick<BagStore, "list">;
  catalogue: Catalogue;
  purchases: Purchases;
  capacity: number;
}): ServiceImpl<typeof InventoryService> {
  const { store, catalogue, purchases, capacity } = parts;
  return {
    async listCatalogue() {
      return { items: [...catalogue.values()].map((item) => ({ ...item, price: BigInt(item.price) })) };
    },

    async listItems(_, context) {
      return { items: await store.list(callerOf(context.requestHeader).userId), capacity };
    },

    async purchaseItem({ requestId, itemId, quantity }, context) {
      const { userId } = callerOf(context.requestHeader);
      const item = catalogue.get(itemId);
      if (!item) throw refuse("item_unknown", "there is no such item");
      if (item.price === 0) throw refuse("not_for_sale", "that item is not for sale");
      return await purchases.begin({
        userId,
        requestId,
        itemId,
        quantity,
        price: BigInt(item.price) * BigInt(quantity),
      });
    },

    async waitPurchase({ purchaseId }, context) {
      const { userId } = callerOf(context.requestHeader);
      return { purchase: await purchases.wait(userId, purchaseId, waitMs) };
    },

    async *watchPurchase({ purchaseId }, context) {
      const { userId } = callerOf(context.requestHeader);
      for await (const purchase of purchases.watch(userId, purchaseId, context.signal))
        yield create(WatchPurchaseResponseSchema, { purchase });
    },
  };
}
