import type { Role } from "./permissions.ts";

/** Somebody who may log in. */
export interface User {
  /** UUID. */
  userId: string;
  username: string;
  roles: Role[];
}

/** Names that players could take for the game's own staff. */
const reserved = new Set(["admin", "administrator", "moderator", "root", "support", "system"]);

const longest = 32;
const shortest = 3;

/** Whether nobody can have this name by registering. */
export const isReserved = (username: string): boolean => reserved.has(username.toLowerCase());

/**
 * A valid username from what an identity provider says: the preferred username or the part of the email address before the `@`,
 * without accents, with `_` for whatever a username can't hold.
 */
export function deriveUsername(claims: { preferredUsername?: string | undefined; email?: string | undefined }): string {
  const said = claims.preferredUsername || claims.email || "";
  const plain = said
    .split("@", 1)[0]!
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^A-Za-z0-9_-]+/g, "_")
    .slice(0, longest)
    .replace(/^[_-]+|[_-]+$/g, "");
  if (plain === "" || isReserved(plain)) return "player";
  return plain.length < shortest ? `player-${plain}` : plain;
}

/**
 * Names to try for a new user until one is free: `base`, then `base` with ever longer endings.
 *
 * @param random random lower case hex digits, as many as asked for.
 */
export function* usernameCandidates(base: string, random: (digits: number) => string): Generator<string> {
  yield base;
  for (const digits of [4, 4, 8, 16]) yield `${base.slice(0, longest - digits - 1)}-${random(digits)}`;
}
