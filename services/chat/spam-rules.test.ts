import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { defaultSpamRules, loadSpamRules, parseSpamRules } from "./spam-rules.ts";

test("without a file the defaults hold", () => {
  assert.equal(loadSpamRules(undefined), defaultSpamRules);
  assert.deepEqual(parseSpamRules({}), defaultSpamRules);
});

test("a file changes what it names and nothing else", () => {
  const rules = parseSpamRules({ repeats: { times: 9 }, links: { blockedHosts: ["a.example"] }, floods: [] });
  assert.deepEqual(rules, {
    floods: [],
    repeats: { times: 9, seconds: 30 },
    links: { ...defaultSpamRules.links, blockedHosts: ["a.example"] },
  });
});

const faults: [given: unknown, message: string][] = [
  [[], "the rules must be an object"],
  [{ flood: [] }, "the rules has no field flood; there are floods, repeats, links"],
  [{ floods: {} }, "floods must be a list"],
  [{ floods: [{ messages: 5 }] }, "floods[0].seconds must be a whole number from 1 to 86400"],
  [{ floods: [{ messages: 5, seconds: 1, hours: 2 }] }, "floods[0] has no field hours; there are messages, seconds"],
  [{ repeats: { times: 0 } }, "repeats.times must be a whole number from 1 to 86400"],
  [{ repeats: 3 }, "repeats must be an object"],
  [{ links: { perMessage: 1.5 } }, "links.perMessage must be a whole number from 0 to 86400"],
  [{ links: { blockedHosts: ["HTTP://x"] } }, "links.blockedHosts must be a list of host names in lower case"],
];
for (const [given, message] of faults)
  test(`${JSON.stringify(given)} is refused`, () => {
    assert.throws(() => parseSpamRules(given), { message });
  });

test("a file that can't be read, or is no JSON, is named", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "spam-rules-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "rules.json");
  assert.throws(() => loadSpamRules(file), { message: new RegExp(`^the spam rules in ${file}: ENOENT`) });
  writeFileSync(file, "{");
  assert.throws(() => loadSpamRules(file), { message: new RegExp(`^the spam rules in ${file}: `) });
  writeFileSync(file, '{"repeats":{"times":7}}');
  assert.equal(loadSpamRules(file).repeats.times, 7);
});
