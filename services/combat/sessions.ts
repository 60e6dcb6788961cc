import type pg from "pg";
import type { CombatStore } from "./store.ts";

/** The sessions whose access tokens are refused although they have not expired. */
export interface Sessions {
  isEnded(sessionId: string): boolean;
  /** Ends a session, in the transaction of the event that tells of it. */
  end(sessionId: string, expireTime: Date, client: pg.ClientBase): Promise<void>;
  /** Takes over what an earlier life of the process was told. */
  load(): Promise<void>;
}

export function createSessions(store: CombatStore, clock: () => number): Sessions {
  const ended = new Map<string, number>();
  return {
    isEnded: (sessionId) => ended.has(sessionId),
    async end(sessionId, expireTime, client) {
      await store.endSession(sessionId, expireTime, client);
      for (const [id, expires] of ended) if (expires < clock()) ended.delete(id);
      ended.set(sessionId, expireTime.getTime());
    },
    async load() {
      for (const [id, expireTime] of await store.loadEndedSessions()) ended.set(id, expireTime.getTime());
    },
  };
}
