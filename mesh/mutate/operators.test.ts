import assert from "node:assert/strict";
import { test } from "node:test";
import { mutantsOf } from "./operators.ts";

const changes = (yaml: string) => mutantsOf("x.yaml", yaml).map(({ line, what }) => `${line}: ${what}`);

test("a whole object is left out", () => {
  assert.deepEqual(changes("kind: Gateway\nspec: {}\n"), ["1: without the whole object"]);
});

test("numbers and durations are doubled, flags turned, known values exchanged", () => {
  assert.deepEqual(changes(`spec:\n  attempts: 0\n  burst: 20\n  interval: 0.5s\n  on: true\n  mode: STRICT\n`), [
    "2: spec.attempts: 0 -> 2",
    "3: spec.burst: 20 -> 40",
    "4: spec.interval: 0.5s -> 1s",
    "5: spec.on: true -> false",
    "6: spec.mode: STRICT -> PERMISSIVE",
  ]);
});

test("a permission is dropped, widened, and a path of it too", () => {
  const rule = `spec:\n  rules:\n    - to:\n        - operation:\n            paths: [/a/b]\n      when: [{ key: k, values: ["chat:send"] }]\n`;
  assert.deepEqual(changes(rule), [
    "5: operation.paths: /a/b widened to /a/*",
    "6: without when",
    "6: when.values: chat:send widened to *",
  ]);
});

test("each of several rules is left out, and a route matches more", () => {
  const routes = `spec:\n  http:\n    - match: [{ uri: { exact: /a } }]\n    - match: [{ uri: { prefix: /b } }]\n`;
  const found = changes(routes);
  assert.equal(found.filter((change) => change.includes("without")).length, 2);
  assert.ok(found.includes("3: widened to all that begin with /a"));
});

test("what stands once and is used twice changes in both places", () => {
  const [mutant] = mutantsOf("x.yaml", `spec:\n  a: &bucket { tokens: 5 }\n  b: *bucket\n`);
  assert.deepEqual(JSON.parse(mutant!.text!), { spec: { a: { tokens: 10 }, b: { tokens: 10 } } });
});

test("what names an object is no rule", () => {
  assert.deepEqual(changes(`metadata: { generation: 3 }\nspec:\n  selector: { n: 1 }\n`), []);
});
