import assert from "node:assert/strict";
import { test } from "node:test";
import { permissionsOf } from "./permissions.ts";

test("a player plays, chats and buys, and nothing more", () => {
  assert.deepEqual(permissionsOf(["player"]), [
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
  ]);
});

test("a moderator also broadcasts, an admin also rotates keys, grants gold, reads statistics, lays buffs and reports matches", () => {
  const player = permissionsOf(["player"]);
  assert.deepEqual(permissionsOf(["moderator"]), [...player, "chat:broadcast"]);
  assert.deepEqual(permissionsOf(["admin"]), [
    ...player,
    "chat:broadcast",
    "auth:admin",
    "account:grant",
    "analytics:read",
    "combat:admin",
    "match:report",
  ]);
});

test("several roles add up without repeats, and no role allows nothing", () => {
  assert.deepEqual(permissionsOf(["moderator", "player"]), permissionsOf(["moderator"]));
  assert.deepEqual(permissionsOf([]), []);
});
