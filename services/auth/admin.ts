import { randomUUID } from "node:crypto";
import type { Log } from "#kit/log.ts";
import { pause } from "#kit/pause.ts";
import type { Passwords } from "./password.ts";
import type { UserStore } from "./store.ts";

/** Reserved, so nobody else can have registered it. */
const username = "admin";

/** Makes the user `admin` with the role admin, or gives it this password when it has another. */
export async function ensureAdmin(users: UserStore, passwords: Passwords, password: string): Promise<void> {
  const found = await users.findByUsername(username);
  if (!found) {
    const made = await users.create(
      { userId: randomUUID(), username, roles: ["admin"] },
      await passwords.hash(password),
    );
    // Otherwise a replica was faster.
    if (made) return;
    return ensureAdmin(users, passwords, password);
  }
  if (await passwords.matches(password, found.passwordHash)) return;
  await users.setPassword(found.user.userId, await passwords.hash(password));
}

/** {@link ensureAdmin} as soon as the database lets it. Without a password there is no admin. */
export async function ensureAdminWhenThere(options: {
  users: UserStore;
  passwords: Passwords;
  password: string | undefined;
  migrated: Promise<void>;
  log: Log;
}): Promise<void> {
  const { users, passwords, password, migrated, log } = options;
  if (!password) return;
  await migrated;
  for (let failures = 1; ; failures++) {
    try {
      return await ensureAdmin(users, passwords, password);
    } catch (error) {
      log.warn({ err: (error as Error).message }, "the admin account is not made yet, trying on");
      await pause(Math.min(250 * failures, 5_000));
    }
  }
}
