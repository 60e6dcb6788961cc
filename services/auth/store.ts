import type pg from "pg";
import type { Database } from "#kit/postgres.ts";
import type { AuthEvents } from "./events.ts";
import type { Role } from "./permissions.ts";
import type { User } from "./user.ts";

/** Somebody's account at an OpenID Connect provider. */
export interface Identity {
  issuer: string;
  subject: string;
}

export interface UserStore {
  find(userId: string): Promise<User | undefined>;
  /** Without regard to case. The hash is absent for who logs in by a provider only. */
  findByUsername(username: string): Promise<{ user: User; passwordHash: string | undefined } | undefined>;
  findByIdentity(identity: Identity): Promise<User | undefined>;
  /** Stores a new user and tells of it. False when the username is taken. */
  create(user: User, passwordHash: string): Promise<boolean>;
  /** Stores a new user who is known by `identity`, and tells of it. Nothing is stored unless it says `created`. */
  createWithIdentity(user: User, identity: Identity): Promise<"created" | "username_taken" | "identity_known">;
  setPassword(userId: string, passwordHash: string): Promise<void>;
  /** Forgets a user and tells of it. False when there is none. */
  delete(userId: string): Promise<boolean>;
  /** Whether there is such a user, who can't be deleted before the transaction ends. */
  hold(userId: string, client: pg.ClientBase): Promise<boolean>;
}

interface Row {
  user_id: string;
  username: string;
  password_hash: string | null;
  roles: Role[];
}

export function createPostgresUserStore(database: Database, events: AuthEvents): UserStore {
  const { pool } = database;

  async function insert(client: pg.ClientBase, user: User, passwordHash: string | null): Promise<boolean> {
    const { rowCount } = await client.query(
      `insert into user_account (user_id, username, password_hash, roles) values ($1, $2, $3, $4)
       on conflict (lower(username)) do nothing`,
      [user.userId, user.username, passwordHash, user.roles],
    );
    if (rowCount === 1) await events.registered(client, user);
    return rowCount === 1;
  }

  return {
    async find(userId) {
      const { rows } = await pool.query<Row>("select * from user_account where user_id = $1", [userId]);
      return rows[0] && toUser(rows[0]);
    },
    async findByUsername(username) {
      const { rows } = await pool.query<Row>("select * from user_account where lower(username) = lower($1)", [
        username,
      ]);
      return rows[0] && { user: toUser(rows[0]), passwordHash: rows[0].password_hash ?? undefined };
    },
    async findByIdentity({ issuer, subject }) {
      const { rows } = await pool.query<Row>(
        "select user_account.* from oidc_identity join user_account using (user_id) where issuer = $1 and subject = $2",
        [issuer, subject],
      );
      return rows[0] && toUser(rows[0]);
    },
    async create(user, passwordHash) {
      const created = await database.transaction((client) => insert(client, user, passwordHash));
      events.wake();
      return created;
    },
    async createWithIdentity(user, identity) {
      try {
        const outcome = await database.transaction(async (client) => {
          if (!(await insert(client, user, null))) return "username_taken";
          const { rowCount } = await client.query(
            "insert into oidc_identity (issuer, subject, user_id) values ($1, $2, $3) on conflict do nothing",
            [identity.issuer, identity.subject, user.userId],
          );
          // The same person came twice at once: the other call's user is theirs, this one must not stay.
          if (rowCount === 0) throw new IdentityKnown();
          return "created";
        });
        events.wake();
        return outcome;
      } catch (error) {
        if (error instanceof IdentityKnown) return "identity_known";
        throw error;
      }
    },
    async setPassword(userId, passwordHash) {
      await pool.query("update user_account set password_hash = $2 where user_id = $1", [userId, passwordHash]);
    },
    async delete(userId) {
      const deleted = await database.transaction(async (client) => {
        const { rowCount } = await client.query("delete from user_account where user_id = $1", [userId]);
        if (rowCount === 1) await events.deleted(client, userId);
        return rowCount === 1;
      });
      events.wake();
      return deleted;
    },
    async hold(userId, client) {
      const { rowCount } = await client.query("select from user_account where user_id = $1 for key share", [userId]);
      return rowCount === 1;
    },
  };
}

/** Undoes the transaction. */
class IdentityKnown extends Error {}

const toUser = (row: Row): User => ({ userId: row.user_id, username: row.username, roles: row.roles });
