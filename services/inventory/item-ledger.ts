import type { ServiceImpl } from "@connectrpc/connect";
import type { ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import type { Items } from "./items.ts";

/** Answers for game.inventory.v1.ItemLedgerService. */
export function createItemLedgerService(items: Items): ServiceImpl<typeof ItemLedgerService> {
  return {
    async addItem(request) {
      await items.add(request.operationId, request.userId, request.items!);
      return {};
    },
    async removeAddedItem({ operationId }) {
      return { removed: await items.removeAdded(operationId) };
    },
    async reserveItems(request) {
      await items.reserve(request.operationId, request.userId, request.items);
      return {};
    },
    async releaseItems({ operationId }) {
      return { released: await items.release(operationId) };
    },
    async exchangeItems({ operationId, firstReservation, secondReservation }) {
      await items.exchange(operationId, firstReservation, secondReservation);
      return {};
    },
  };
}
