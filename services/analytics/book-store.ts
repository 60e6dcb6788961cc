import type pg from "pg";

/** A line of the purchase log. */
export interface LoggedPurchase {
  /** Newer is larger. */
  entryId: bigint;
  purchaseId: string;
  userId: string;
  itemId: string;
  quantity: number;
  /** Whole gold. */
  price: bigint;
  createTime: Date;
}

/** What one item has brought in. */
export interface ItemRevenue {
  itemId: string;
  purchases: bigint;
  quantity: bigint;
  /** Whole gold. */
  revenue: bigint;
}

/** A sale, or with `sign` -1 one that is taken back. */
export interface RevenueLine {
  sign: 1 | -1;
  itemId: string;
  quantity: number;
  revenue: bigint;
  operationId: string;
}

/** The purchase log and the revenue. What takes a `client` belongs to the caller's transaction. */
export interface BookStore {
  /** False, with nothing done, when that purchase is logged already. */
  log(
    purchase: Omit<LoggedPurchase, "entryId" | "createTime"> & { operationId: string },
    client: pg.ClientBase,
  ): Promise<boolean>;
  /** Strikes what an operation has logged. */
  strike(operationId: string, client: pg.ClientBase): Promise<void>;
  addRevenue(line: RevenueLine, client: pg.ClientBase): Promise<void>;
  /** Those that are not struck, newest first, before `beforeId`. */
  listPurchases(beforeId: bigint, limit: number): Promise<LoggedPurchase[]>;
  /** By item id. */
  revenue(): Promise<ItemRevenue[]>;
}

interface PurchaseRow {
  entry_id: string;
  purchase_id: string;
  user_id: string;
  item_id: string;
  quantity: number;
  price: string;
  create_time: Date;
}

export function createPostgresBookStore(pool: pg.Pool): BookStore {
  return {
    async log({ purchaseId, userId, itemId, quantity, price, operationId }, client) {
      const { rowCount } = await client.query(
        `insert into purchase (purchase_id, user_id, item_id, quantity, price, operation_id) values ($1, $2, $3, $4, $5, $6)
         on conflict (purchase_id) do nothing`,
        [purchaseId, userId, itemId, quantity, price, operationId],
      );
      return rowCount === 1;
    },
    async strike(operationId, client) {
      await client.query(
        "insert into struck_purchase (entry_id) select entry_id from purchase where operation_id = $1",
        [operationId],
      );
    },
    async addRevenue({ sign, itemId, quantity, revenue, operationId }, client) {
      await client.query(
        "insert into revenue_entry (item_id, purchases, quantity, revenue, operation_id) values ($1, $2, $3, $4, $5)",
        [itemId, sign, sign * quantity, BigInt(sign) * revenue, operationId],
      );
    },
    async listPurchases(beforeId, limit) {
      const { rows } = await pool.query<PurchaseRow>(
        `select * from purchase p where entry_id < $1 and not exists (select from struck_purchase s where s.entry_id = p.entry_id)
         order by entry_id desc limit $2`,
        [beforeId, limit],
      );
      return rows.map((row) => ({
        entryId: BigInt(row.entry_id),
        purchaseId: row.purchase_id,
        userId: row.user_id,
        itemId: row.item_id,
        quantity: row.quantity,
        price: BigInt(row.price),
        createTime: row.create_time,
      }));
    },
    async revenue() {
      const { rows } = await pool.query<{ item_id: string; purchases: string; quantity: string; revenue: string }>(
        `select * from item_revenue where purchases > 0 order by item_id collate "C"`,
      );
      return rows.map((row) => ({
        itemId: row.item_id,
        purchases: BigInt(row.purchases),
        quantity: BigInt(row.quantity),
        revenue: BigInt(row.revenue),
      }));
    },
  };
}
