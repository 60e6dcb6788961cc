import type pg from "pg";

/** Why a line stands in the statement. */
export type GoldKind = "starting_gold" | "deduct" | "refund" | "credit" | "transfer_in" | "transfer_out" | "grant";

/** One line of a player's statement. */
export interface GoldEntry {
  entryId: bigint;
  /** Whole gold; negative when it went out. */
  amount: bigint;
  /** After it. */
  balance: bigint;
  kind: GoldKind;
  operationId: string;
  createTime: Date;
}

/** Wallets and their statements. What takes a `client` belongs to the caller's transaction. */
export interface GoldStore {
  /** Opens a wallet with the gold that everybody starts with, unless there is one. */
  open(userId: string, client?: pg.ClientBase): Promise<void>;
  /** Whether somebody of that id has ever been seen here. */
  knows(userId: string): Promise<boolean>;
  /** Undefined when there is no wallet. */
  balance(userId: string): Promise<bigint | undefined>;
  /** Newest first; those before `beforeId`. */
  list(userId: string, beforeId: bigint, limit: number): Promise<GoldEntry[]>;
  /**
   * Puts `amount` into a wallet, or takes it out when negative, and writes the line of it. The wallet is locked until the transaction ends.
   *
   * @returns the balance after it; undefined when it would fall below 0, or rise above `most`.
   */
  move(change: GoldChange, most: bigint, client: pg.ClientBase): Promise<bigint | undefined>;
}

export interface GoldChange {
  userId: string;
  amount: bigint;
  kind: GoldKind;
  operationId: string;
}

interface Row {
  entry_id: string;
  amount: string;
  balance: string;
  kind: GoldKind;
  operation_id: string;
  create_time: Date;
}

const openSql = `
with opened as (
  insert into wallet (user_id, balance, last_entry_id) values ($1, $2::bigint, case when $2::bigint > 0 then 1 end)
  on conflict do nothing returning user_id
)
insert into gold_entry (user_id, entry_id, amount, balance, kind, operation_id)
select user_id, 1, $2::bigint, $2::bigint, 'starting_gold', 'starting_gold/' || user_id from opened where $2::bigint > 0`;

const moveSql = `
with moved as (
  update wallet set balance = balance + $2, last_entry_id = coalesce(last_entry_id, 0) + 1
  where user_id = $1 and balance + $2 between 0 and $3
  returning user_id, last_entry_id, balance
)
insert into gold_entry (user_id, entry_id, amount, balance, kind, operation_id)
select user_id, last_entry_id, $2, balance, $4, $5 from moved
returning balance`;

/** @param startingGold what a new player has. */
export function createPostgresGoldStore(pool: pg.Pool, startingGold: number): GoldStore {
  return {
    async open(userId, client) {
      await (client ?? pool).query(openSql, [userId, startingGold]);
    },
    async knows(userId) {
      const { rowCount } = await pool.query(
        "select from wallet where user_id = $1 union all select from profile where user_id = $1 limit 1",
        [userId],
      );
      return rowCount === 1;
    },
    async balance(userId) {
      const { rows } = await pool.query<{ balance: string }>("select balance from wallet where user_id = $1", [userId]);
      return rows[0] && BigInt(rows[0].balance);
    },
    async list(userId, beforeId, limit) {
      const { rows } = await pool.query<Row>(
        "select * from gold_entry where user_id = $1 and entry_id < $2 order by entry_id desc limit $3",
        [userId, beforeId, limit],
      );
      return rows.map(toEntry);
    },
    async move({ userId, amount, kind, operationId }, most, client) {
      const values = [userId, amount, most, kind, operationId];
      const { rows } = await client.query<{ balance: string }>({ name: "move_gold", text: moveSql, values });
      return rows[0] && BigInt(rows[0].balance);
    },
  };
}

const toEntry = (row: Row): GoldEntry => ({
  entryId: BigInt(row.entry_id),
  amount: BigInt(row.amount),
  balance: BigInt(row.balance),
  kind: row.kind,
  operationId: row.operation_id,
  createTime: row.create_time,
});
