import { randomUUID } from "node:crypto";
import type { Database } from "#kit/postgres.ts";
import type { AuthEvents } from "./events.ts";
import { permissionsOf } from "./permissions.ts";
import { parseRefreshToken } from "./refresh-token.ts";
import { refuse } from "./refusals.ts";
import type { Sessions } from "./sessions.ts";
import type { UserStore } from "./store.ts";
import { type AccessTokens, accessTokenLifeMs } from "./tokens.ts";
import type { User } from "./user.ts";

/** What a client needs to make calls. */
export interface TokenPair {
  accessToken: string;
  refreshToken: string;
  /** When the access token expires. */
  expireTime: Date;
}

/** How sessions begin, go on and end, whatever proved who the user is. */
export interface Logins {
  begin(user: User, device: { clientVersion: string; ip: string }): Promise<TokenPair>;
  /** @throws ConnectError UNAUTHENTICATED unless the token is a living session's current one. */
  refresh(refreshToken: string): Promise<TokenPair>;
  /** Ends a session and tells of it. May be repeated when it failed half way. */
  end(userId: string, sessionId: string): Promise<void>;
  /** Ends all sessions of a user. May be repeated, too. */
  endAll(userId: string): Promise<void>;
}

export function createLogins(deps: {
  database: Pick<Database, "transaction">;
  events: AuthEvents;
  users: Pick<UserStore, "find" | "hold">;
  sessions: Sessions;
  tokens: AccessTokens;
  clock: () => Date;
}): Logins {
  const { database, events, users, sessions, tokens, clock } = deps;

  const issue = (user: User, sessionId: string) =>
    tokens.issue({
      userId: user.userId,
      username: user.username,
      sessionId,
      permissions: permissionsOf(user.roles),
    });

  async function end(userId: string, sessionId: string): Promise<void> {
    // The event first: a session that has ended without it would live on in the other services.
    const expireTime = new Date(clock().getTime() + accessTokenLifeMs);
    await database.transaction((client) => events.sessionEnded(client, { userId, sessionId, expireTime }));
    events.wake();
    await sessions.end(userId, sessionId);
  }

  return {
    async begin(user, { clientVersion, ip }) {
      const sessionId = randomUUID();
      const { token: accessToken, expireTime } = await issue(user, sessionId);
      const { refreshToken } = await sessions.create(sessionId, user.userId, clientVersion);
      try {
        await database.transaction(async (client) => {
          if (!(await users.hold(user.userId, client))) throw refuse("credentials_wrong", "that account is no more");
          await events.loggedIn(client, user, { ip, sessionId });
        });
      } catch (error) {
        // Nobody will get the tokens; should this fail too, the session ends by its age.
        await sessions.end(user.userId, sessionId).catch(() => undefined);
        throw error;
      }
      events.wake();
      return { accessToken, refreshToken, expireTime };
    },

    async refresh(refreshToken) {
      const invalid = () => refuse("refresh_token_invalid", "the refresh token is not good, log in again");
      const sessionId = parseRefreshToken(refreshToken)?.sessionId;
      const userId = sessionId && (await sessions.ownerOf(sessionId));
      // Everything that can fail comes before the exchange: after it the client's old token is worth nothing.
      const user = userId && (await users.find(userId));
      if (!user) throw invalid();
      const { token: accessToken, expireTime } = await issue(user, sessionId!);
      const outcome = await sessions.rotate(user.userId, refreshToken);
      if (outcome === "unknown") throw invalid();
      if (outcome === "reused") {
        await end(user.userId, sessionId!);
        throw refuse("refresh_token_reused", "the refresh token was used before: its session has ended, log in again");
      }
      return { accessToken, refreshToken: outcome.refreshToken, expireTime };
    },

    end,
    async endAll(userId) {
      // So many are listed at a time.
      for (let living = await sessions.list(userId); living.length > 0; living = await sessions.list(userId))
        for (const { sessionId } of living) await end(userId, sessionId);
    },
  };
}
