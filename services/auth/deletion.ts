import type { Logins } from "./logins.ts";
import type { Passwords } from "./password.ts";
import { refuse } from "./refusals.ts";
import type { UserStore } from "./store.ts";
import { isReserved } from "./user.ts";

/** How accounts end. Each may be repeated when it failed half way. */
export interface Deletion {
  /**
   * Ends an account on behalf of whoever has its password.
   *
   * @throws ConnectError `credentials_wrong`, `user_reserved`.
   */
  byOwner(userId: string, password: string, signal: AbortSignal): Promise<void>;
  /** @throws ConnectError `user_unknown`, `user_reserved`. */
  byAdmin(userId: string): Promise<void>;
}

export function createDeletion(deps: {
  users: Pick<UserStore, "find" | "findByUsername" | "delete">;
  passwords: Pick<Passwords, "matches">;
  logins: Pick<Logins, "endAll">;
}): Deletion {
  const { users, passwords, logins } = deps;

  /** The user first: without one there is no new session. False when there was none. */
  async function end(userId: string): Promise<boolean> {
    const deleted = await users.delete(userId);
    await logins.endAll(userId);
    return deleted;
  }

  async function findForDeletion(userId: string) {
    const user = await users.find(userId);
    if (user && isReserved(user.username)) throw refuse("user_reserved", "the game's own staff is not deleted");
    return user;
  }

  return {
    async byOwner(userId, password, signal) {
      const user = await findForDeletion(userId);
      const passwordHash = user && (await users.findByUsername(user.username))?.passwordHash;
      if (passwordHash && !(await passwords.matches(password, passwordHash, signal)))
        throw refuse("credentials_wrong", "the password is wrong");
      await end(userId);
    },
    async byAdmin(userId) {
      await findForDeletion(userId);
      if (!(await end(userId))) throw refuse("user_unknown", "there is no such user");
    },
  };
}
