import type pg from "pg";

/** A zone that is one's own: the fence tells this ownership from all others, before and after. */
export interface Lease {
  zoneId: string;
  /** A bigint, as text. */
  fence: string;
}

/** Who owns which zone, for all instances. Every method throws when Postgres is away. */
export interface Leases {
  /** Takes a zone that nobody owns, or whose owner has not renewed it. @returns the owner's name when there is another one. */
  acquire(zoneId: string): Promise<Lease | { owner: string }>;
  /** @returns those that are still one's own. */
  renew(leases: readonly Lease[]): Promise<Set<Lease>>;
  release(lease: Lease): Promise<void>;
}

/**
 * @param owner this instance's name. Its zones are its own again at once when it comes back, under another fence.
 * @param ttlMs how long a lease holds without being renewed, by the clock of Postgres.
 */
export function createPostgresLeases(pool: pg.Pool, owner: string, ttlMs: number): Leases {
  return {
    async acquire(zoneId) {
      const taken = await pool.query<{ fence: string }>(
        `insert into zone_lease as held (zone_id, owner, fence, expire_time)
         values ($1, $2, 1, now() + make_interval(secs => $3))
         on conflict (zone_id) do update set owner = $2, fence = held.fence + 1, expire_time = excluded.expire_time
           where held.expire_time < now() or held.owner = $2
         returning fence`,
        [zoneId, owner, ttlMs / 1_000],
      );
      if (taken.rows[0]) return { zoneId, fence: taken.rows[0].fence };
      const { rows } = await pool.query<{ owner: string }>("select owner from zone_lease where zone_id = $1", [zoneId]);
      return { owner: rows[0]!.owner };
    },
    async renew(leases) {
      const { rows } = await pool.query<{ zone_id: string }>(
        `update zone_lease set expire_time = now() + make_interval(secs => $4)
         from unnest($2::text[], $3::bigint[]) as mine (zone_id, fence)
         where zone_lease.zone_id = mine.zone_id and zone_lease.fence = mine.fence and owner = $1
         returning zone_lease.zone_id`,
        [owner, leases.map(({ zoneId }) => zoneId), leases.map(({ fence }) => fence), ttlMs / 1_000],
      );
      const held = new Set(rows.map((row) => row.zone_id));
      return new Set(leases.filter(({ zoneId }) => held.has(zoneId)));
    },
    async release({ zoneId, fence }) {
      await pool.query("update zone_lease set expire_time = '-infinity' where zone_id = $1 and fence = $2", [
        zoneId,
        fence,
      ]);
    },
  };
}
