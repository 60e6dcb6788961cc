import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deriveUsername, isReserved, usernameCandidates } from "./user.ts";

const valid = /^[A-Za-z0-9_-]{3,32}$/;

test("the preferred username is taken before the email address", () => {
  assert.equal(deriveUsername({ preferredUsername: "Thorin", email: "oak@example.com" }), "Thorin");
  assert.equal(deriveUsername({ email: "oak.shield+game@example.com" }), "oak_shield_game");
  assert.equal(deriveUsername({ preferredUsername: "thorin@example.com" }), "thorin");
});

test("accents go, other letters become one underscore, ends are trimmed", () => {
  assert.equal(deriveUsername({ preferredUsername: "Zoë Müller" }), "Zoe_Muller");
  assert.equal(deriveUsername({ preferredUsername: "  ..hero.. " }), "hero");
});

test("nothing usable, too little, or a reserved name becomes a player", () => {
  assert.equal(deriveUsername({}), "player");
  assert.equal(deriveUsername({ preferredUsername: "李" }), "player");
  assert.equal(deriveUsername({ preferredUsername: "jo" }), "player-jo");
  assert.equal(deriveUsername({ preferredUsername: "ADMIN" }), "player");
});

test("whatever a provider says, every candidate is valid and none is reserved", () => {
  const claim = fc.option(fc.oneof(fc.string({ unit: "binary" }), fc.emailAddress(), fc.string({ maxLength: 60 })), {
    nil: undefined,
  });
  fc.assert(
    fc.property(claim, claim, (preferredUsername, email) => {
      const base = deriveUsername({ preferredUsername, email });
      const names = [...usernameCandidates(base, (digits) => "f".repeat(digits))];
      assert.equal(names[0], base);
      for (const name of names) {
        assert.match(name, valid);
        assert.ok(!isReserved(name));
      }
    }),
  );
});
