import type { Database } from "#kit/postgres.ts";
import { replaces, type Side, type Status, type Trade } from "./trade.ts";

export type NewTrade = Pick<Trade, "tradeId" | "fromUserId" | "toUserId" | "offered" | "wanted" | "expireTime">;

export interface TradeStore {
  /** Stores an offer, unless there is one of its id. Gives the one that is there, and whether it asks for the same. */
  open(offer: NewTrade): Promise<{ trade: Trade; same: boolean }>;
  find(tradeId: string): Promise<Trade | undefined>;
  /** A player's trades, newest first; those before `beforeNumber`. An offer that is still being laid is not among them. */
  list(userId: string, beforeNumber: bigint, limit: number): Promise<{ trade: Trade; number: bigint }[]>;
  /** The status that is in force then; undefined when there is no such trade. */
  setStatus(tradeId: string, status: Status, reason: string): Promise<Status | undefined>;
}

interface StoredSide {
  items: Side["items"];
  gold: string;
}

interface Row {
  number: string;
  trade_id: string;
  from_user_id: string;
  to_user_id: string;
  offered: StoredSide;
  wanted: StoredSide;
  status: Status;
  reason: string;
  create_time: Date;
  expire_time: Date;
}

export function createPostgresTradeStore(database: Database): TradeStore {
  const { pool } = database;
  return {
    async open({ tradeId, fromUserId, toUserId, offered, wanted, expireTime }) {
      const values = [tradeId, fromUserId, toUserId, toStored(offered), toStored(wanted)];
      await pool.query(
        `insert into trade (trade_id, from_user_id, to_user_id, offered, wanted, expire_time)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
        [...values, expireTime],
      );
      const { rows } = await pool.query<Row & { same: boolean }>(
        `select *, from_user_id = $2 and to_user_id = $3 and offered = $4::jsonb and wanted = $5::jsonb as same
         from trade where trade_id = $1`,
        values,
      );
      return { trade: toTrade(rows[0]!), same: rows[0]!.same };
    },
    async find(tradeId) {
      const { rows } = await pool.query<Row>("select * from trade where trade_id = $1", [tradeId]);
      return rows[0] && toTrade(rows[0]);
    },
    async list(userId, beforeNumber, limit) {
      const { rows } = await pool.query<Row>(
        `select * from trade where (from_user_id = $1 or to_user_id = $1) and status <> 'OPENING' and number < $2
         order by number desc limit $3`,
        [userId, beforeNumber, limit],
      );
      return rows.map((row) => ({ trade: toTrade(row), number: BigInt(row.number) }));
    },
    setStatus: (tradeId, status, reason) =>
      database.transaction(async (client) => {
        const { rows } = await client.query<Row>("select status from trade where trade_id = $1 for update", [tradeId]);
        const current = rows[0]?.status;
        if (!current || !replaces(status, current)) return current;
        await client.query("update trade set status = $2, reason = $3 where trade_id = $1", [tradeId, status, reason]);
        return status;
      }),
  };
}

const toStored = ({ items, gold }: Side): string =>
  JSON.stringify({
    items: items.map(({ itemId, quantity }) => ({ itemId, quantity })),
    gold: String(gold),
  } satisfies StoredSide);

const toSide = ({ items, gold }: StoredSide): Side => ({ items, gold: BigInt(gold) });

const toTrade = (row: Row): Trade => ({
  tradeId: row.trade_id,
  fromUserId: row.from_user_id,
  toUserId: row.to_user_id,
  offered: toSide(row.offered),
  wanted: toSide(row.wanted),
  status: row.status,
  reason: row.reason,
  createTime: row.create_time,
  expireTime: row.expire_time,
});
