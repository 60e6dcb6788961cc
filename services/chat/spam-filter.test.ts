import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hostsIn, judge, normalise, type Trace, traceOf } from "./spam-filter.ts";
import { defaultSpamRules, type SpamRules } from "./spam-rules.ts";

const rules: SpamRules = {
  floods: [
    { messages: 3, seconds: 10 },
    { messages: 5, seconds: 60 },
  ],
  repeats: { times: 2, seconds: 30 },
  links: { perMessage: 1, perWindow: 2, seconds: 40, blockedHosts: ["evil.example"] },
};

/** What a player said: how many seconds ago, and what. */
type Said = [secondsAgo: number, text: string];

// biome-ignore format: a table
const verdicts: { title: string; said?: Said[]; text: string; rule?: string; retryAfterS?: number }[] = [
  { title: "the first message passes", text: "hello" },
  { title: "as many as allowed pass", said: [[1, "a"], [2, "b"]], text: "c" },
  { title: "one more is a flood until the oldest is out of the window", said: [[1, "a"], [2, "b"], [4, "c"]], text: "d", rule: "spam_flood", retryAfterS: 6 },
  { title: "what lies outside the window doesn't count", said: [[1, "a"], [2, "b"], [10, "c"]], text: "d" },
  { title: "a slow flood is one by the longer window", said: [[1, "a"], [12, "b"], [24, "c"], [36, "d"], [48, "e"]], text: "f", rule: "spam_flood", retryAfterS: 12 },
  { title: "the same text passes as often as allowed", said: [[5, "buy gold"]], text: "buy gold" },
  { title: "once more is a repeat", said: [[11, "buy gold"], [25, "buy gold"]], text: "buy gold", rule: "spam_repeat", retryAfterS: 5 },
  { title: "a repeat in disguise is one", said: [[11, "buy gold"], [25, "B.U.Y  gooooold!!"]], text: "Ｂｕｙ\u200b gold", rule: "spam_repeat" },
  { title: "texts that differ in a number differ", said: [[11, "wave 1"], [25, "wave 11"]], text: "wave 111" },
  { title: "emoji alone can be repeats", said: [[11, "😀"], [25, "😀 "]], text: "😀", rule: "spam_repeat" },
  { title: "one link passes", text: "see https://game.example.com/a" },
  { title: "two links in a message don't, ever", text: "see a.com and www.b.example", rule: "spam_links" },
  { title: "nor do many links over time", said: [[15, "a.com"], [30, "b.com"]], text: "c.com", rule: "spam_links", retryAfterS: 10 },
  { title: "a message without links passes after links", said: [[15, "a.com"], [30, "b.com"]], text: "see?" },
  { title: "a blocked host doesn't pass", text: "http://evil.example", rule: "spam_blocked_host" },
  { title: "nor its subdomain", text: "www.shop.evil.example/x", rule: "spam_blocked_host" },
  { title: "nor without a scheme", text: "go to EVIL.example now", rule: "spam_blocked_host" },
  { title: "nor behind a name, a password and a port", text: "https://game.example.com:pw@evil.example:8443/", rule: "spam_blocked_host" },
  { title: "nor by a backslash", text: "https://evil.example\\@game.example.com", rule: "spam_blocked_host" },
  { title: "a host that only ends like a blocked one passes", text: "https://notevil.example" },
];

const now = Date.UTC(2026, 0, 1);
const remember = (said: Said[]): Trace[] => said.map(([ago, text]) => traceOf(text, now - 1_000 * ago));

for (const { title, said = [], text, rule, retryAfterS } of verdicts)
  test(title, () => {
    const verdict = judge(rules, remember(said), text, now);
    assert.equal(verdict?.rule, rule);
    if (retryAfterS !== undefined) assert.equal(verdict?.retryAfterS, retryAfterS);
  });

test("links are found, and what only looks like one isn't", () => {
  assert.deepEqual(hostsIn("HTTPS://A.example/x?y=b.com, www.b.example. c.gg! (d.co.uk) x@e.net"), [
    "a.example",
    "b.com",
    "b.example",
    "c.gg",
    "d.co.uk",
    "e.net",
  ]);
  assert.deepEqual(hostsIn("v1.2.3 e.g. this... ok.then 3.50 node.js"), []);
});

test("what is remembered holds nothing of the text", () => {
  assert.deepEqual(Object.keys(traceOf("secret", now)), ["at", "fingerprint", "links"]);
  assert.ok(!JSON.stringify(traceOf("secret", now)).includes("secret"));
});

const aText = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
const aHistory = fc.array(fc.tuple(fc.integer({ min: 0, max: 100 }), aText), { maxLength: 12 });

test("who waits as long as they are told gets through", () => {
  fc.assert(
    fc.property(aHistory, aText, (said, text) => {
      const verdict = judge(rules, remember(said), text, now);
      if (verdict?.retryAfterS === undefined) return;
      assert.ok(verdict.retryAfterS > 0);
      const next = judge(rules, remember(said), text, now + 1_000 * verdict.retryAfterS);
      // Another rule with a longer window may still hold; this one doesn't, unless it is a flood by the next window.
      if (next) assert.ok(next.rule !== verdict.rule || next.message !== verdict.message);
    }),
  );
});

test("saying less never makes a message worse", () => {
  fc.assert(
    fc.property(aHistory, aText, fc.nat(), (said, text, skip) => {
      if (judge(rules, remember(said), text, now)) return;
      const fewer = said.filter((_, i) => i !== skip % (said.length || 1));
      assert.equal(judge(rules, remember(fewer), text, now), undefined);
    }),
  );
});

test("the order of what was said doesn't matter", () => {
  fc.assert(
    fc.property(aHistory, aText, (said, text) => {
      const verdict = judge(rules, remember(said), text, now);
      assert.deepEqual(judge(rules, remember(said.toReversed()), text, now), verdict);
    }),
  );
});

test("a text is normalised once and for all", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const plain = normalise(text);
      assert.equal(normalise(plain), plain);
    }),
  );
});

test("the default rules let 20 different texts pass at once, and 10 a second for 3 seconds don't", () => {
  const send = (count: number, everyMs: number) => {
    const said: Trace[] = [];
    for (let i = 0; i < count; i++) {
      if (judge(defaultSpamRules, said, `message ${i}`, now + i * everyMs)) return i;
      said.push(traceOf(`message ${i}`, now + i * everyMs));
    }
    return count;
  };
  assert.equal(send(20, 0), 20);
  assert.equal(send(40, 100), 30);
});

test("500 characters are judged in no time, however they are laid out", () => {
  for (const text of ["a.".repeat(250), "www.".repeat(125), "a-".repeat(250), "https://".repeat(62), "@".repeat(500)]) {
    const before = process.cpuUsage();
    for (let i = 0; i < 20; i++) judge({ ...rules, links: { ...rules.links, perMessage: 999 } }, [], text, now);
    assert.ok(process.cpuUsage(before).user / 20 < 20_000, text.slice(0, 10));
  }
});
