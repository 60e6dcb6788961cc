import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";
import { formatRefreshToken, hashPart, parseRefreshToken, partLength } from "./refresh-token.ts";

test("a token reads back as it was made", () => {
  const token = { sessionId: randomUUID(), family: randomBytes(partLength), current: randomBytes(partLength) };
  assert.deepEqual(parseRefreshToken(formatRefreshToken(token)), token);
});

test("anything else is no token", () => {
  const id = randomUUID();
  for (const text of ["", id, `${id}.`, `${id}.${"A".repeat(42)}`, `${id}.${"A".repeat(44)}`, `x.${"A".repeat(43)}`])
    assert.equal(parseRefreshToken(text), undefined);
});

test("a stored hash differs from part to part and doesn't hold the part", () => {
  const [one, other] = [randomBytes(partLength), randomBytes(partLength)];
  assert.notEqual(hashPart(one), hashPart(other));
  assert.ok(!hashPart(one).includes(one.toString("base64url")));
});
