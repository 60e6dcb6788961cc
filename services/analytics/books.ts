import { doOnce, undoOnce } from "#kit/operations.ts";
import type { Database } from "#kit/postgres.ts";
import type { BookStore } from "./book-store.ts";
import { refuse } from "./refusals.ts";

export interface Purchase {
  purchaseId: string;
  userId: string;
  itemId: string;
  quantity: number;
  /** Whole gold. */
  price: bigint;
}

export interface Sale {
  itemId: string;
  quantity: number;
  /** Whole gold. */
  revenue: bigint;
}

/** What was bought, and what it brought in. Each call names its operation, and is done once (kit/operations.ts). */
export interface Books {
  /** @throws ConnectError ALREADY_EXISTS (`purchase_logged`) when another operation has logged that purchase. */
  log(operationId: string, purchase: Purchase): Promise<void>;
  /** Undoes a log. False when there was nothing to undo. */
  strike(operationId: string): Promise<boolean>;
  addRevenue(operationId: string, sale: Sale): Promise<void>;
  /** Undoes an addRevenue. False when there was nothing to undo. */
  revertRevenue(operationId: string): Promise<boolean>;
}

export function createBooks({ database, store }: { database: Database; store: BookStore }): Books {
  return {
    async log(operationId, purchase) {
      const request = { kind: "log_purchase", ...purchase, price: String(purchase.price) };
      await database.transaction((client) =>
        doOnce(client, operationId, request, async () => {
          if (!(await store.log({ ...purchase, operationId }, client)))
            throw refuse("purchase_logged", "that purchase is in the log already");
        }),
      );
    },
    strike(operationId) {
      return database.transaction((client) =>
        undoOnce(client, operationId, "log_purchase", async () => {
          await store.strike(operationId, client);
          return true;
        }),
      );
    },
    async addRevenue(operationId, sale) {
      const request = { kind: "add_revenue", ...sale, revenue: String(sale.revenue) };
      await database.transaction((client) =>
        doOnce(client, operationId, request, () => store.addRevenue({ ...sale, sign: 1, operationId }, client)),
      );
    },
    revertRevenue(operationId) {
      return database.transaction((client) =>
        undoOnce(client, operationId, "add_revenue", async (request) => {
          const { itemId, quantity, revenue } = request as unknown as Sale;
          await store.addRevenue({ sign: -1, itemId, quantity, revenue: BigInt(revenue), operationId }, client);
          return true;
        }),
      );
    },
  };
}
