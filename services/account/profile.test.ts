import assert from "node:assert/strict";
import { test } from "node:test";
import { changeOf } from "./profile.ts";

const wanted = { displayName: "  Ada\u0000\u202e L. ", bio: "line 1\nline 2", locale: "en" };

test("only what the mask names is changed", () => {
  assert.deepEqual(changeOf(wanted, ["locale"]), { locale: "en" });
});

test("white space around, control and direction characters go; line breaks stay", () => {
  assert.deepEqual(changeOf(wanted, ["display_name", "bio"]), { displayName: "Ada L.", bio: "line 1\nline 2" });
});

test("a display name of nothing visible is refused", () => {
  assert.throws(() => changeOf({ ...wanted, displayName: "\u0007 " }, ["display_name"]), RangeError);
});
