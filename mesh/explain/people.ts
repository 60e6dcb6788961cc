import { type Call, makeUnsignedToken } from "./call.ts";
import { goodClaims } from "./case-call.ts";

/** What the roles of the game permit. A test holds it against auth's own list, which the mesh may not import. */
export const roles: Readonly<Record<string, readonly string[]>> = (() => {
  const player = [
    ...["session:manage", "account:read", "account:write", "chat:read", "chat:send", "chat:party"],
    ...["inventory:read", "inventory:purchase", "social:trade"],
    ...["world:read", "world:play"],
    ...["combat:read", "combat:fight"],
    "match:play",
  ];
  const moderator = [...player, "chat:broadcast"];
  return {
    player,
    moderator,
    admin: [...moderator, "auth:admin", "account:grant", "analytics:read", "combat:admin", "match:report"],
  };
})();

/** The roles whose token has this permission. */
export const rolesWith = (permission: string): string[] =>
  Object.keys(roles).filter((role) => roles[role]!.includes(permission));

/** Who calls, as the command line says it. */
export interface Caller {
  /** `nobody`, or a name that begins with a role: `player1`. */
  as?: string | undefined;
  /** Instead of those of the role. */
  permissions?: string[] | undefined;
  /** A JWT. */
  token?: string | undefined;
}

/** The header that a caller sends, and who that is in words. @throws Error when `as` names no role */
export function credentials({ as, permissions, token }: Caller): {
  authorization?: string;
  who: string;
  signature: Call["signature"];
} {
  if (token !== undefined)
    return { authorization: `Bearer ${token}`, who: "the bearer of that token", signature: "unchecked" };
  if (permissions === undefined && (as === undefined || as === "nobody"))
    return { who: "nobody (no token)", signature: "good" };
  const name = as ?? "somebody";
  const role = Object.keys(roles).find((one) => name.startsWith(one));
  const held = permissions ?? (role ? roles[role] : undefined);
  if (!held)
    throw new Error(
      `--as ${name}: a name begins with a role (${Object.keys(roles).join(", ")}) or is nobody; or say --permissions`,
    );
  const what = permissions ? `with ${permissions.join(", ") || "no permission"}` : `a ${role}`;
  return {
    authorization: `Bearer ${makeUnsignedToken(goodClaims(name, held))}`,
    who: `${name}, ${what}`,
    signature: "good",
  };
}
