import assert from "node:assert/strict";
import { test } from "node:test";
import { fits } from "./bag.ts";

const limits = { capacity: 3, stack: 10 };

test("another item needs a free place", () => {
  assert.equal(fits({ kinds: 2, quantity: 0 }, 1, limits), true);
  assert.equal(fits({ kinds: 3, quantity: 0 }, 1, limits), false);
});

test("more of an item needs room on its stack, and no place", () => {
  assert.equal(fits({ kinds: 3, quantity: 4 }, 6, limits), true);
  assert.equal(fits({ kinds: 1, quantity: 4 }, 7, limits), false);
  assert.equal(fits({ kinds: 0, quantity: 0 }, 11, limits), false);
});

test("an item that the catalogue has no longer still has a limit", () => {
  assert.equal(fits({ kinds: 0, quantity: 0 }, 1_000, { capacity: 3 }), true);
  assert.equal(fits({ kinds: 0, quantity: 0 }, 1_001, { capacity: 3 }), false);
});
