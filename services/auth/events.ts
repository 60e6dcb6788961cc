import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type pg from "pg";
import { toOutgoing } from "#kit/events.ts";
import type { Outbox } from "#kit/outbox.ts";
import type { User } from "./user.ts";

/** What auth tells the others, each in the transaction of the work that it tells of. */
export interface AuthEvents {
  registered(client: pg.ClientBase, user: User): Promise<void>;
  deleted(client: pg.ClientBase, userId: string): Promise<void>;
  loggedIn(client: pg.ClientBase, user: User, login: { ip: string; sessionId: string }): Promise<void>;
  /** Called once such a transaction has ended: the relay need not look by itself. */
  wake(): void;
  /** @param expireTime until then the session's access tokens would have been good. */
  sessionEnded(client: pg.ClientBase, session: { userId: string; sessionId: string; expireTime: Date }): Promise<void>;
}

const topic = "game-events";
const source = "auth";

export function createAuthEvents(outbox: Pick<Outbox, "append" | "wake">): AuthEvents {
  return {
    wake: outbox.wake,
    async registered(client, { userId, username }) {
      const data = { case: "playerRegistered", value: { username } } as const;
      await outbox.append(client, toOutgoing(topic, source, userId, data));
    },
    async deleted(client, userId) {
      await outbox.append(client, toOutgoing(topic, source, userId, { case: "playerDeleted", value: {} }));
    },
    async loggedIn(client, { userId, username }, { ip, sessionId }) {
      const data = { case: "playerLogin", value: { username, ip, sessionId } } as const;
      await outbox.append(client, toOutgoing(topic, source, userId, data));
    },
    async sessionEnded(client, { userId, sessionId, expireTime }) {
      const value = { sessionId, expireTime: timestampFromDate(expireTime) };
      await outbox.append(client, toOutgoing(topic, source, userId, { case: "sessionEnded", value }));
    },
  };
}
