import type pg from "pg";

/** A number of one item. */
export interface Stack {
  itemId: string;
  quantity: number;
}

/** An item in a bag. */
export interface BagItem extends Stack {
  /** How many of them are promised to a trade. */
  reserved: number;
}

/** Why a line stands in the ledger of items. */
export type EntryKind = "purchase" | "purchase_undone" | "trade_in" | "trade_out" | "monster_drop" | "quest_reward";

/** What a reservation holds, and for whom. */
export interface Reservation {
  operationId: string;
  userId: string;
  status: "held" | "released" | "exchanged";
  items: Stack[];
}

export interface Change extends Stack {
  userId: string;
  kind: EntryKind;
  operationId: string;
}

/** Bags, their ledger, and what is promised of them. What takes a `client` belongs to the caller's transaction. */
export interface BagStore {
  /** What is in a bag, by item id. */
  list(userId: string): Promise<BagItem[]>;
  /** Locks bags, making those that are not there, always in the same order: two exchanges wait for each other at most once. */
  lock(userIds: string[], client: pg.ClientBase): Promise<void>;
  /** How many different items a bag holds, and how many there are of this one. */
  measure(userId: string, itemId: string, client: pg.ClientBase): Promise<{ kinds: number; quantity: number }>;
  put(change: Change, client: pg.ClientBase): Promise<void>;
  /** Takes out what is not reserved. False, with nothing done, when there is less of it. */
  take(change: Change, client: pg.ClientBase): Promise<boolean>;
  /** Takes out what is reserved. */
  takeReserved(change: Change, client: pg.ClientBase): Promise<void>;
  /** Promises what is free. False, with nothing done, when there is less of it. */
  reserve(userId: string, stack: Stack, client: pg.ClientBase): Promise<boolean>;
  /** Gives back what was promised. */
  unreserve(userId: string, stack: Stack, client: pg.ClientBase): Promise<void>;
  addReservation(reservation: Omit<Reservation, "status">, client: pg.ClientBase): Promise<void>;
  /** Locks reservations, always in the same order; those that there are. */
  lockReservations(operationIds: string[], client: pg.ClientBase): Promise<Map<string, Reservation>>;
  setReservation(operationId: string, status: Reservation["status"], client: pg.ClientBase): Promise<void>;
}

const putSql = `
with line as (
  insert into item_entry (user_id, item_id, entry_id, amount, quantity, kind, operation_id)
  select $1, $2, coalesce(b.last_entry_id, 0) + 1, $3::int, coalesce(b.quantity, 0) + $3::int, $4, $5
  from (select) as one left join bag_item b on b.user_id = $1 and b.item_id = $2
  returning user_id, item_id, entry_id, quantity
)
insert into bag_item as b (user_id, item_id, quantity, last_entry_id) select user_id, item_id, quantity, entry_id from line
on conflict (user_id, item_id) do update set quantity = excluded.quantity, last_entry_id = excluded.last_entry_id`;

/** @param from of which of them it is taken, `rest`: what that changes besides. */
const takeSql = (from: string, rest = "") => `
with left_over as (
  update bag_item set quantity = quantity - $3::int, last_entry_id = last_entry_id + 1 ${rest}
  where user_id = $1 and item_id = $2 and ${from} >= $3::int
  returning user_id, item_id, last_entry_id, quantity
)
insert into item_entry (user_id, item_id, entry_id, amount, quantity, kind, operation_id)
select user_id, item_id, last_entry_id, -$3::int, quantity, $4, $5 from left_over`;
const takeFreeSql = takeSql("quantity - reserved");
const takeReservedSql = takeSql("reserved", ", reserved = reserved - $3::int");

export function createPostgresBagStore(pool: pg.Pool): BagStore {
  const valuesOf = (change: Change) => [change.userId, change.itemId, change.quantity, change.kind, change.operationId];

  return {
    async list(userId) {
      const { rows } = await pool.query<{ item_id: string; quantity: number; reserved: number }>(
        `select item_id, quantity, reserved from bag_item where user_id = $1 and quantity > 0 order by item_id collate "C"`,
        [userId],
      );
      return rows.map(({ item_id: itemId, quantity, reserved }) => ({ itemId, quantity, reserved }));
    },
    async lock(userIds, client) {
      const locked = () =>
        client.query("select from bag where user_id = any($1) order by user_id for update", [userIds]);
      if ((await locked()).rowCount === new Set(userIds).size) return;
      await client.query(
        "insert into bag (user_id) select id from unnest($1::uuid[]) as id order by id on conflict do nothing",
        [userIds],
      );
      await locked();
    },
    async measure(userId, itemId, client) {
      const { rows } = await client.query<{ kinds: number; quantity: number }>(
        `select count(*)::int as kinds, coalesce(sum(quantity) filter (where item_id = $2), 0)::int as quantity
         from bag_item where user_id = $1 and quantity > 0`,
        [userId, itemId],
      );
      return rows[0]!;
    },
    async put(change, client) {
      await client.query({ name: "put_item", text: putSql, values: valuesOf(change) });
    },
    async take(change, client) {
      const { rowCount } = await client.query({ name: "take_item", text: takeFreeSql, values: valuesOf(change) });
      return rowCount === 1;
    },
    async takeReserved(change, client) {
      const { rowCount } = await client.query({ name: "take_held", text: takeReservedSql, values: valuesOf(change) });
      if (rowCount !== 1) throw new Error(`what ${change.operationId} takes is not reserved`);
    },
    async reserve(userId, { itemId, quantity }, client) {
      const { rowCount } = await client.query(
        `update bag_item set reserved = reserved + $3::int
         where user_id = $1 and item_id = $2 and quantity - reserved >= $3::int`,
        [userId, itemId, quantity],
      );
      return rowCount === 1;
    },
    async unreserve(userId, { itemId, quantity }, client) {
      await client.query("update bag_item set reserved = reserved - $3::int where user_id = $1 and item_id = $2", [
        userId,
        itemId,
        quantity,
      ]);
    },
    async addReservation({ operationId, userId, items }, client) {
      await client.query("insert into reservation (operation_id, user_id) values ($1, $2)", [operationId, userId]);
      await client.query(
        `insert into reservation_item (operation_id, item_id, quantity)
         select $1, * from unnest($2::text[], $3::int[])`,
        [operationId, items.map(({ itemId }) => itemId), items.map(({ quantity }) => quantity)],
      );
    },
    async lockReservations(operationIds, client) {
      const { rows } = await client.query<{ operation_id: string; user_id: string; status: Reservation["status"] }>(
        `select operation_id, user_id, status from reservation where operation_id = any($1)
         order by operation_id for update`,
        [operationIds],
      );
      const items = await client.query<{ operation_id: string; item_id: string; quantity: number }>(
        `select operation_id, item_id, quantity from reservation_item where operation_id = any($1) order by item_id`,
        [operationIds],
      );
      const of = (id: string) => items.rows.filter(({ operation_id }) => operation_id === id);
      return new Map(
        rows.map(({ operation_id: operationId, user_id: userId, status }) => [
          operationId,
          {
            operationId,
            userId,
            status,
            items: of(operationId).map(({ item_id: itemId, quantity }) => ({ itemId, quantity })),
          },
        ]),
      );
    },
    async setReservation(operationId, status, client) {
      await client.query("update reservation set status = $2 where operation_id = $1", [operationId, status]);
    },
  };
}
