import type { Told, ToldPurchase, ToldTrade } from "../books/facts.ts";

/** Writes down what clients ask for and are told, as it happens. */
export function createNotes() {
  const told: Told = { purchases: [], trades: [], shown: [] };
  return {
    told,
    purchase(asked: Pick<ToldPurchase, "userId" | "requestId" | "itemId" | "quantity">): ToldPurchase {
      const note: ToldPurchase = { ...asked, ids: [], last: "unknown" };
      told.purchases.push(note);
      return note;
    },
    trade(asked: Pick<ToldTrade, "userId" | "requestId" | "toUserId">): ToldTrade {
      const note: ToldTrade = { ...asked, ids: [], last: "unknown" };
      told.trades.push(note);
      return note;
    },
  };
}

export type Notes = ReturnType<typeof createNotes>;
