import type { Facts, Outcome, PurchaseFact, Side, TradeFact } from "./facts.ts";

/** How a saga goes: to its end, or undone after so many of its steps. */
export type Course = "completed" | { undoneAfter: number };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Writes the facts of a run in which everything was as it should be. What it can't pay for fails, as it should. */
export function createHistory() {
  const facts: Mutable<Facts> = {
    wallets: [],
    goldLines: [],
    bags: [],
    itemLines: [],
    reservations: [],
    log: [],
    revenue: [],
    revenueLines: [],
    sagas: [],
    monitor: new Map(),
    told: { purchases: [], trades: [], shown: [] },
  };
  let count = 0;

  const wallet = (userId: string) => facts.wallets.find((one) => one.userId === userId)!;
  const bag = (userId: string, itemId: string) => {
    const found = facts.bags.find((one) => one.userId === userId && one.itemId === itemId);
    if (found) return found;
    const added = { userId, itemId, quantity: 0, reserved: 0 };
    facts.bags.push(added);
    return added;
  };
  function gold(userId: string, amount: bigint, kind: string, operationId: string): void {
    wallet(userId).balance += amount;
    facts.goldLines.push({ userId, amount, kind, operationId });
  }
  function items(userId: string, itemId: string, amount: number, kind: string, operationId: string): void {
    bag(userId, itemId).quantity += amount;
    facts.itemLines.push({ userId, itemId, amount, kind, operationId });
  }
  function end(saga: PurchaseFact | TradeFact, asked: object, outcome: Outcome): void {
    facts.sagas.push({ ...saga, outcome });
    facts.monitor.set(saga.sagaId, outcome === "called_off" ? "completed" : outcome);
    const told = { requestId: `request-${saga.sagaId}`, ids: [saga.sagaId], last: outcome, ...asked };
    facts.told[saga.type === "purchase" ? "purchases" : "trades"].push(told as never);
  }

  return {
    join(userId: string, startingGold: bigint): void {
      facts.wallets.push({ userId, balance: 0n });
      gold(userId, startingGold, "starting_gold", `starting_gold/${userId}`);
    },

    purchase(userId: string, itemId: string, quantity: number, price: bigint, course: Course): string {
      const sagaId = `purchase-${++count}`;
      const saga = { type: "purchase", sagaId, outcome: "running", userId, itemId, quantity, price } as const;
      const asked = { userId, itemId, quantity, price };
      if (wallet(userId).balance < price) {
        end(saga, asked, "failed");
        return sagaId;
      }
      const steps = course === "completed" ? 4 : course.undoneAfter;
      const deduct = `${sagaId}/deduct_gold`;
      const add = `${sagaId}/add_item`;
      if (steps >= 1) gold(userId, -price, "deduct", deduct);
      if (steps >= 2) items(userId, itemId, quantity, "add", add);
      if (course === "completed") {
        facts.log.push({ purchaseId: sagaId, userId, itemId, quantity, price });
        const sold = facts.revenue.find((one) => one.itemId === itemId);
        if (sold) Object.assign(sold, { quantity: sold.quantity + quantity, revenue: sold.revenue + price });
        else facts.revenue.push({ itemId, quantity, revenue: price });
        facts.revenueLines.push({ itemId, quantity, revenue: price, operationId: `${sagaId}/update_revenue` });
      } else {
        if (steps >= 2) items(userId, itemId, -quantity, "remove", add);
        if (steps >= 1) gold(userId, price, "refund", deduct);
      }
      end(saga, asked, course === "completed" ? "completed" : "failed");
      return sagaId;
    },

    trade(fromUserId: string, toUserId: string, offered: Side, wanted: Side, course: Course): string {
      const sagaId = `trade-${++count}`;
      const saga = { type: "trade", sagaId, outcome: "running", fromUserId, toUserId, offered, wanted } as const;
      const asked = { userId: fromUserId, toUserId };
      const sides = [
        { giver: fromUserId, taker: toUserId, step: "offered", ...offered },
        { giver: toUserId, taker: fromUserId, step: "wanted", ...wanted },
      ];
      const can = ({ giver, gold, items }: (typeof sides)[number]) =>
        wallet(giver).balance >= gold && items.every((one) => bag(giver, one.itemId).quantity >= one.quantity);
      if (!sides.every(can)) {
        end(saga, asked, "failed");
        return sagaId;
      }
      const paid = sides.slice(0, course === "completed" ? 2 : course.undoneAfter).filter((side) => side.gold > 0n);
      for (const side of paid) gold(side.giver, -side.gold, "deduct", `${sagaId}/deduct_${side.step}`);
      for (const side of course === "completed" ? sides : []) {
        for (const { itemId, quantity } of side.items) {
          items(side.giver, itemId, -quantity, "traded", `${sagaId}/exchange`);
          items(side.taker, itemId, quantity, "traded", `${sagaId}/exchange`);
        }
        if (side.gold > 0n) gold(side.taker, side.gold, "credit", `${sagaId}/credit_${side.step}`);
      }
      if (course !== "completed")
        for (const side of paid) gold(side.giver, side.gold, "refund", `${sagaId}/deduct_${side.step}`);
      const undone = paid.length > 0 ? "failed" : "called_off";
      end(saga, asked, course === "completed" ? "completed" : undone);
      return sagaId;
    },

    /** The facts so far, with what every player would be shown. */
    facts(): Facts {
      const shown = facts.wallets.map(({ userId, balance }) => ({
        userId,
        balance,
        bag: facts.bags.filter((one) => one.userId === userId && one.quantity > 0),
      }));
      return structuredClone({ ...facts, told: { ...facts.told, shown } });
    },
  };
}
