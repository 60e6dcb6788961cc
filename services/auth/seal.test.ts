import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createSeal } from "./seal.ts";

const seal = createSeal(randomBytes(32).toString("hex"));
const secret = Buffer.from("a private key");

test("what was sealed opens again and doesn't show what it holds", () => {
  const sealed = seal.close(secret, "key-1");
  assert.ok(!sealed.includes(secret));
  assert.deepEqual(seal.open(sealed, "key-1"), secret);
});

test("it doesn't open under another key or another name, nor when a byte was changed", () => {
  const sealed = seal.close(secret, "key-1");
  assert.throws(() => createSeal(randomBytes(32).toString("hex")).open(sealed, "key-1"));
  assert.throws(() => seal.open(sealed, "key-2"));
  for (const at of [0, 15, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    assert.throws(() => seal.open(changed, "key-1"));
  }
});

test("a sealing key of another length is refused without being shown", () => {
  assert.throws(() => createSeal("abc123"), { message: "the sealing key must be 64 hex digits" });
});
