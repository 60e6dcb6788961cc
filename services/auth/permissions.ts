/** What somebody is to the game. */
export const roles = ["player", "moderator", "admin"] as const;
export type Role = (typeof roles)[number];

const player = [
  "session:manage",
  "account:read",
  "account:write",
  "chat:read",
  "chat:send",
  "chat:party",
  "inventory:read",
  "inventory:purchase",
  "social:trade",
  "world:read",
  "world:play",
  "combat:read",
  "combat:fight",
  "match:play",
] as const;
const moderator = [...player, "chat:broadcast"] as const;
const admin = [...moderator, "auth:admin", "account:grant", "analytics:read", "combat:admin", "match:report"] as const;

/** What a call may need. The edge holds each RPC's permission against the token's claim `permissions`. */
export type Permission = (typeof admin)[number];

const granted: Record<Role, readonly Permission[]> = { player, moderator, admin };

/** All that any of `held` allows, each once, in a stable order. */
export function permissionsOf(held: readonly Role[]): Permission[] {
  return admin.filter((permission) => held.some((role) => granted[role].includes(permission)));
}
