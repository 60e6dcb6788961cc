import type pg from "pg";
import type { Profile, ProfileChange } from "./profile.ts";

export interface ProfileStore {
  find(userId: string): Promise<Profile | undefined>;
  /**
   * Changes the profile when it still has `revision`, making it first when there is none.
   *
   * @returns the profile after the change, or undefined when it has another revision.
   */
  change(fresh: Profile, revision: bigint, change: ProfileChange): Promise<Profile | undefined>;
  /** Stores a new player's profile, unless there is one. */
  create(fresh: Profile, client: pg.ClientBase): Promise<void>;
  noteLogin(fresh: Profile, time: Date, client: pg.ClientBase): Promise<void>;
  /** Forgets what a player said about themselves. */
  remove(userId: string, client: pg.ClientBase): Promise<void>;
}

interface Row {
  user_id: string;
  username: string;
  display_name: string;
  bio: string;
  locale: string;
  revision: string;
  create_time: Date;
  update_time: Date;
  last_login_time: Date | null;
}

const insert = `insert into profile (user_id, username, display_name, last_login_time) values ($1, $2, $3, $4)`;

export function createPostgresProfileStore(pool: pg.Pool): ProfileStore {
  return {
    async find(userId) {
      const { rows } = await pool.query<Row>("select * from profile where user_id = $1", [userId]);
      return rows[0] && toProfile(rows[0]);
    },
    async change(fresh, revision, change) {
      // Revision 0 is a profile that nobody has stored: the registration event may still be on its way.
      if (revision === 0n)
        await pool.query(`${insert} on conflict do nothing`, [fresh.userId, fresh.username, fresh.displayName, null]);
      const { rows } = await pool.query<Row>(
        `update profile set display_name = coalesce($3, display_name), bio = coalesce($4, bio), locale = coalesce($5, locale),
           revision = revision + 1, update_time = now()
         where user_id = $1 and revision = $2 returning *`,
        [fresh.userId, revision === 0n ? 1n : revision, change.displayName, change.bio, change.locale],
      );
      return rows[0] && toProfile(rows[0]);
    },
    async create(fresh, client) {
      await client.query(`${insert} on conflict do nothing`, [fresh.userId, fresh.username, fresh.displayName, null]);
    },
    async noteLogin(fresh, time, client) {
      await client.query(
        `${insert} on conflict (user_id) do update
           set last_login_time = greatest(profile.last_login_time, excluded.last_login_time)`,
        [fresh.userId, fresh.username, fresh.displayName, time],
      );
    },
    async remove(userId, client) {
      await client.query("delete from profile where user_id = $1", [userId]);
    },
  };
}

function toProfile(row: Row): Profile {
  return {
    userId: row.user_id,
    username: row.username,
    displayName: row.display_name,
    bio: row.bio,
    locale: row.locale,
    revision: BigInt(row.revision),
    createTime: row.create_time,
    updateTime: row.update_time,
    lastLoginTime: row.last_login_time ?? undefined,
  };
}
