import type pg from "pg";
import type { OutgoingEvent } from "#kit/outbox.ts";
import type { Database } from "#kit/postgres.ts";
import type { Lease } from "./leases.ts";

/** Where a player was last. */
export interface Position {
  userId: string;
  x: number;
  y: number;
  life: number;
  dead: boolean;
}

/** What is saved of a zone at once. */
export interface Snapshot {
  positions: readonly Position[];
  objects: readonly { id: string; open: boolean }[];
  events: readonly OutgoingEvent[];
}

/** The instance that wrote does not own the zone any more. Nothing was written. */
export class StaleOwner extends Error {
  override name = "StaleOwner";
}

export interface WorldStore {
  find(userId: string): Promise<(Position & { zoneId: string; fromZoneId: string }) | undefined>;
  objects(zoneId: string): Promise<{ id: string; open: boolean }[]>;
  /** Saves what changed. A player who is in another zone by now is left alone. @throws StaleOwner */
  save(lease: Lease, snapshot: Snapshot): Promise<void>;
  /** Takes a player to another zone. @throws StaleOwner */
  transfer(lease: Lease, position: Position, toZoneId: string): Promise<void>;
}

interface Row {
  user_id: string;
  zone_id: string;
  x: number;
  y: number;
  life: number;
  dead: boolean;
  from_zone_id: string;
}

/** @param appendEvents puts events into the outbox. */
export function createPostgresWorldStore(
  { pool, transaction }: Pick<Database, "pool" | "transaction">,
  appendEvents: (client: pg.ClientBase, events: readonly OutgoingEvent[]) => Promise<void>,
): WorldStore {
  /** Until the transaction ends nobody else becomes the owner. */
  async function requireOwner(client: pg.ClientBase, { zoneId, fence }: Lease): Promise<void> {
    const { rowCount } = await client.query("select from zone_lease where zone_id = $1 and fence = $2 for share", [
      zoneId,
      fence,
    ]);
    if (rowCount === 0) throw new StaleOwner(`zone ${zoneId} has another owner`);
  }

  return {
    async find(userId) {
      const { rows } = await pool.query<Row>("select * from player_position where user_id = $1", [userId]);
      const row = rows[0];
      if (!row) return undefined;
      const { x, y, life, dead } = row;
      return { userId, x, y, life, dead, zoneId: row.zone_id, fromZoneId: row.from_zone_id };
    },
    async objects(zoneId) {
      const { rows } = await pool.query<{ id: string; open: boolean }>(
        "select object_id as id, open from zone_object where zone_id = $1",
        [zoneId],
      );
      return rows;
    },
    save: (lease, { positions, objects, events }) =>
      transaction(async (client) => {
        await requireOwner(client, lease);
        if (positions.length > 0)
          await client.query(
            `insert into player_position (zone_id, user_id, x, y, life, dead)
             select $1, * from unnest($2::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::boolean[])
             on conflict (user_id) do update set x = excluded.x, y = excluded.y, life = excluded.life,
               dead = excluded.dead, from_zone_id = '', update_time = now()
             where player_position.zone_id = excluded.zone_id`,
            [lease.zoneId, ...columns(positions, ["userId", "x", "y", "life", "dead"])],
          );
        if (objects.length > 0)
          await client.query(
            `insert into zone_object (zone_id, object_id, open) select $1, * from unnest($2::text[], $3::boolean[])
             on conflict (zone_id, object_id) do update set open = excluded.open`,
            [lease.zoneId, ...columns(objects, ["id", "open"])],
          );
        if (events.length > 0) await appendEvents(client, events);
      }),
    transfer: (lease, { userId, x, y, life, dead }, toZoneId) =>
      transaction(async (client) => {
        await requireOwner(client, lease);
        await client.query(
          `insert into player_position (user_id, zone_id, x, y, life, dead, from_zone_id) values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (user_id) do update set zone_id = $2, x = $3, y = $4, life = $5, dead = $6, from_zone_id = $7,
             update_time = now()`,
          [userId, toZoneId, x, y, life, dead, lease.zoneId],
        );
      }),
  };
}

/** Rows as the columns that unnest takes. */
function columns<T, K extends keyof T>(rows: readonly T[], names: readonly K[]): T[K][][] {
  return names.map((name) => rows.map((row) => row[name]));
}
