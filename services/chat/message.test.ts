import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cleanText, lengthOf } from "./message.ts";

const cases: [title: string, raw: string, clean: string][] = [
  ["a plain text stays", "hello, world", "hello, world"],
  ["white space around goes", "  \n hi \t ", "hi"],
  ["line breaks stay, in one form", "a\r\nb\rc\nd", "a\nb\nc\nd"],
  ["a tab is a space", "a\tb", "a b"],
  ["other control characters go", "a\u0000b\u0007c\u009fd\u001b[31m", "abcd[31m"],
  ["what turns the direction of the rest goes", "safe\u202eexe.gpj\u2066x\u2069", "safeexe.gpjx"],
  ["joiners of emoji stay", "👩‍👩‍👧", "👩‍👩‍👧"],
  ["half a character becomes a mark", "a\ud800b", "a\ufffdb"],
];
for (const [title, raw, clean] of cases)
  test(title, () => {
    assert.equal(cleanText(raw), clean);
  });

for (const [title, raw] of [
  ["an empty text", ""],
  ["white space alone", " \n\t\u3000"],
  ["control characters alone", "\u0000\u0008"],
  ["invisible characters alone", "\u200b\u200d\ufeff\u3164"],
] as const)
  test(`${title} is refused`, () => {
    assert.throws(() => cleanText(raw), RangeError);
  });

test("500 characters pass whatever their size, 501 don't", () => {
  assert.equal(lengthOf(cleanText("😀".repeat(500))), 500);
  assert.throws(() => cleanText("😀".repeat(501)), RangeError);
});

test("a clean text stays as it is, and is one that Postgres takes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (raw) => {
      let clean: string;
      try {
        clean = cleanText(raw);
      } catch {
        return;
      }
      assert.equal(cleanText(clean), clean);
      assert.ok(clean.isWellFormed() && !clean.includes("\u0000"));
      assert.ok(lengthOf(clean) >= 1 && lengthOf(clean) <= 500);
    }),
  );
});
