import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type AuthService, InactiveReason } from "#gen/game/auth/v1/auth_service_pb.ts";
import { SessionSchema, UserSchema } from "#gen/game/auth/v1/session_pb.ts";
import { type Caller, callerOf, clientAddress } from "#kit/identity.ts";
import type { Deletion } from "./deletion.ts";
import { GateFullError } from "./gate.ts";
import { findOrCreateUser } from "./identities.ts";
import type { KeyRing } from "./keys.ts";
import type { Logins, TokenPair } from "./logins.ts";
import type { Oidc } from "./oidc.ts";
import type { Passwords } from "./password.ts";
import { permissionsOf } from "./permissions.ts";
import { refuse } from "./refusals.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { UserStore } from "./store.ts";
import type { AccessTokens } from "./tokens.ts";
import { isReserved, type User } from "./user.ts";

/** Answers for game.auth.v1.AuthService. */
export function createAuthService(deps: {
  users: UserStore;
  passwords: Passwords;
  sessions: Sessions;
  tokens: AccessTokens;
  keys: Pick<KeyRing, "rotate">;
  logins: Logins;
  oidc: Oidc;
  deletion: Deletion;
}): ServiceImpl<typeof AuthService> {
  const { users, passwords, sessions, tokens, keys, logins, oidc, deletion } = deps;

  /** The caller, whose session has not ended: the edge lets an access token through until it expires. */
  async function livingCaller(context: HandlerContext): Promise<Caller> {
    const caller = callerOf(context.requestHeader);
    const session = await sessions.find(caller.sessionId);
    if (session?.userId !== caller.userId) throw refuse("session_ended", "the session has ended, log in again");
    return caller;
  }

  return {
    async register({ username, password }, context) {
      const taken = () => refuse("username_taken", "that username is taken");
      if (isReserved(username) || (await users.findByUsername(username))) throw taken();
      const user: User = { userId: randomUUID(), username, roles: ["player"] };
      const hash = await passwords.hash(password, context.signal).catch(refuseWhenBusy);
      if (!(await users.create(user, hash))) throw taken();
      return { user: toUserMessage(user) };
    },

    async authenticate({ username, password, clientVersion }, context) {
      const found = await users.findByUsername(username);
      const right = await passwords.matches(password, found?.passwordHash, context.signal).catch(refuseWhenBusy);
      if (!found || !right) throw refuse("credentials_wrong", "the username or the password is wrong");
      const pair = await logins.begin(found.user, { clientVersion, ip: clientAddress(context.requestHeader) });
      return { ...toPairMessage(pair), user: toUserMessage(found.user) };
    },

    async validateToken({ accessToken }) {
      const claims = await tokens.read(accessToken);
      if (claims === "invalid") return { inactiveReason: InactiveReason.INVALID };
      if (claims === "expired") return { inactiveReason: InactiveReason.EXPIRED };
      const session = await sessions.find(claims.sessionId);
      if (session?.userId !== claims.userId) return { inactiveReason: InactiveReason.SESSION_ENDED };
      const { userId, username, permissions } = claims;
      return {
        active: true,
        user: create(UserSchema, { userId, username, permissions }),
        expireTime: timestampFromDate(claims.expireTime),
      };
    },

    refreshToken: async ({ refreshToken }) => toPairMessage(await logins.refresh(refreshToken)),

    async logout(request, context) {
      const caller = await livingCaller(context);
      const sessionId = request.sessionId || caller.sessionId;
      const session = await sessions.find(sessionId);
      if (session?.userId !== caller.userId) throw refuse("session_unknown", "you have no such session");
      await logins.end(caller.userId, sessionId);
      return {};
    },

    async listSessions(_request, context) {
      const caller = await livingCaller(context);
      const all = await sessions.list(caller.userId);
      return { sessions: all.map((session) => toSessionMessage(session, session.sessionId === caller.sessionId)) };
    },

    async deleteAccount({ password }, context) {
      const { userId } = await livingCaller(context);
      await deletion.byOwner(userId, password, context.signal).catch(refuseWhenBusy);
      return {};
    },

    async deleteUser({ userId }, context) {
      await livingCaller(context);
      await deletion.byAdmin(userId);
      return {};
    },

    startOidcLogin: () => oidc.start(),

    async completeOidcLogin({ code, state, clientVersion }, context) {
      const user = await findOrCreateUser(users, await oidc.complete(code, state));
      const pair = await logins.begin(user, { clientVersion, ip: clientAddress(context.requestHeader) });
      return { ...toPairMessage(pair), user: toUserMessage(user) };
    },

    async rotateSigningKey(_request, context) {
      await livingCaller(context);
      const { keyId, activateTime } = await keys.rotate();
      return { keyId, activateTime: timestampFromDate(activateTime) };
    },
  };
}

function refuseWhenBusy(error: unknown): never {
  if (error instanceof GateFullError)
    throw refuse("too_many_logins", "too many log in at the moment, try again", { retryAfterS: 1 });
  throw error;
}

const toUserMessage = ({ userId, username, roles }: User) =>
  create(UserSchema, { userId, username, permissions: permissionsOf(roles) });

const toPairMessage = ({ accessToken, refreshToken, expireTime }: TokenPair) => ({
  accessToken,
  refreshToken,
  expireTime: timestampFromDate(expireTime),
});

const toSessionMessage = (session: Session, current: boolean) =>
  create(SessionSchema, {
    sessionId: session.sessionId,
    clientVersion: session.clientVersion,
    createTime: timestampFromDate(session.createTime),
    refreshTime: timestampFromDate(session.refreshTime),
    expireTime: timestampFromDate(session.expireTime),
    current,
  });
