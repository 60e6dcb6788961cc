import { randomBytes, randomUUID } from "node:crypto";
import type { OidcIdentity } from "./oidc.ts";
import type { UserStore } from "./store.ts";
import { deriveUsername, type User, usernameCandidates } from "./user.ts";

const randomHex = (digits: number) => randomBytes(digits).toString("hex").slice(0, digits);

/**
 * The user behind an identity at a provider, made at the first time.
 *
 * Nobody is linked to an existing user by a name or an email address: a provider's user could choose somebody else's.
 */
export async function findOrCreateUser(users: UserStore, identity: OidcIdentity): Promise<User> {
  const known = await users.findByIdentity(identity);
  if (known) return known;
  for (const username of usernameCandidates(deriveUsername(identity), randomHex)) {
    const user: User = { userId: randomUUID(), username, roles: ["player"] };
    const outcome = await users.createWithIdentity(user, identity);
    if (outcome === "created") return user;
    if (outcome === "identity_known") return (await users.findByIdentity(identity))!;
  }
  throw new Error("no username was free, not even a random one");
}
