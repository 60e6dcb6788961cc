import type pg from "pg";

/** Players whose account is no more, in the service's own table `deleted_player`. What they have stays in the books; nothing new is begun with them. */
export interface DeletedPlayers {
  add(userId: string, client: pg.ClientBase): Promise<void>;
  /** Whether one of them is. */
  some(userIds: string[], client?: pg.ClientBase): Promise<boolean>;
}

export function createDeletedPlayers(pool: pg.Pool): DeletedPlayers {
  return {
    async add(userId, client) {
      await client.query("insert into deleted_player (user_id) values ($1) on conflict do nothing", [userId]);
    },
    async some(userIds, client) {
      const text = "select from deleted_player where user_id = any($1) limit 1";
      const { rowCount } = await (client ?? pool).query({ name: "some_deleted", text, values: [userIds] });
      return rowCount === 1;
    },
  };
}
