import type pg from "pg";

/** Sessions whose access tokens are refused although they have not expired, in the service's own table `ended_session`. */
export interface EndedSessions {
  end(sessionId: string, expireTime: Date, client: pg.ClientBase): Promise<void>;
  isEnded(sessionId: string): Promise<boolean>;
}

export function createEndedSessions(pool: pg.Pool): EndedSessions {
  return {
    async end(sessionId, expireTime, client) {
      await client.query("delete from ended_session where expire_time < now()");
      await client.query("insert into ended_session (session_id, expire_time) values ($1, $2) on conflict do nothing", [
        sessionId,
        expireTime,
      ]);
    },
    async isEnded(sessionId) {
      const { rowCount } = await pool.query("select from ended_session where session_id = $1", [sessionId]);
      return rowCount === 1;
    },
  };
}
