import assert from "node:assert/strict";
import { test } from "node:test";
import { activationOf, type KeySchedule, needsKey, pendingAt, publishedAt, signerAt } from "./key-schedule.ts";

const minute = 60_000;
const schedule: KeySchedule = { activationMs: 30_000, maxAgeMs: 100 * minute, tokenLifeMs: 15 * minute };
const at = (ms: number) => new Date(ms);
const key = (keyId: string, ms: number) => ({ keyId, activateTime: at(ms) });
const keys = [key("old", 0), key("new", 10 * minute)];
const ids = (found: { keyId: string }[]) => found.map(({ keyId }) => keyId);

test("the first key signs at once, later ones after the delay", () => {
  assert.deepEqual(activationOf([], at(7), schedule), at(7));
  assert.deepEqual(activationOf(keys, at(7), schedule), at(30_007));
});

test("a key signs from its activation until the next one's", () => {
  assert.equal(signerAt(keys, at(10 * minute - 1))?.keyId, "old");
  assert.equal(pendingAt(keys, at(10 * minute - 1))?.keyId, "new");
  assert.equal(signerAt(keys, at(10 * minute))?.keyId, "new");
  assert.equal(pendingAt(keys, at(10 * minute)), undefined);
  assert.equal(signerAt([], at(0)), undefined);
});

test("a key is published before it signs and until its last token has expired", () => {
  assert.deepEqual(ids(publishedAt(keys, at(0), schedule)), ["old", "new"]);
  assert.deepEqual(ids(publishedAt(keys, at(25 * minute), schedule)), ["old", "new"]);
  assert.deepEqual(ids(publishedAt(keys, at(26 * minute), schedule)), ["new"]);
});

test("the newest key is replaced by its age, and a missing one at once", () => {
  assert.equal(needsKey([], at(0), schedule), true);
  assert.equal(needsKey(keys, at(110 * minute - 1), schedule), false);
  assert.equal(needsKey(keys, at(110 * minute), schedule), true);
});
