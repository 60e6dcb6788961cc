import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCases } from "./format.ts";

const file = "cases.yaml";
const parse = (cases: string) => parseCases(file, `players:\n  ann: [chat:send]\ncases:\n${cases}`);

test("a case says who calls what, and what must come of it", () => {
  const [found] = parse(`  - name: a message
    call: POST /api/v1/chat/SendMessage
    as: ann
    expect: { status: 200, headers: { retry-after: null, x-id: /^a+$/ }, seconds: 1-2.5 }`);
  assert.equal(found!.name, "a message: POST /api/v1/chat/SendMessage");
  assert.equal(found!.at, "cases.yaml:4");
  const [step] = found!.steps;
  assert.deepEqual(step!.as, { name: "ann", permissions: ["chat:send"] });
  assert.deepEqual(
    [...step!.expect.headers],
    [
      ["retry-after", null],
      ["x-id", /^a+$/],
    ],
  );
  assert.deepEqual(step!.expect.seconds, { from: 1, to: 2.5 });
});

test("calls are a case each", () => {
  const found = parse(`  - { name: open, calls: [POST /a, GET /b], expect: { status: 200 } }`);
  assert.deepEqual(
    found.map(({ name, steps }) => [name, steps[0]!.method, steps[0]!.path]),
    [
      ["open: POST /a", "POST", "/a"],
      ["open: GET /b", "GET", "/b"],
    ],
  );
});

test("what is merged from an anchor gives way to what is said", () => {
  const [, second] = parse(`  - { name: a, call: POST /a, expect: &base { status: 429, attempts: 0 } }
  - { name: b, call: POST /b, expect: { <<: *base, status: 200 } }`);
  assert.equal(second!.steps[0]!.expect.status, 200);
  assert.equal(second!.steps[0]!.expect.attempts, 0);
});

test("a header can be long without being written out", () => {
  const [found] = parse(`  - { name: a, call: POST /a, headers: { x-big: x * 5000 }, expect: { status: 431 } }`);
  assert.equal(found!.steps[0]!.headers.get("x-big")?.length, 5000);
});

const faults: [what: string, yaml: string, message: RegExp][] = [
  ["an unknown field", `  - { name: a, cal: POST /a }`, /^cases.yaml:4: there is no field cal: there are call, /],
  ["an unknown player", `  - { name: a, call: POST /a, as: bob, expect: { status: 200 } }`, /^cases.yaml:4: no player/],
  ["nothing expected", `  - { name: a, call: POST /a, expect: {} }`, /^cases.yaml:4: expects nothing/],
  ["no method", `  - { name: a, call: /a, expect: { status: 200 } }`, /^cases.yaml:4: "\/a" is not "METHOD path"/],
  ["call and steps", `  - { name: a, call: GET /a, steps: [] }`, /^cases.yaml:4: a case has one of call, calls, steps/],
  [
    "too many calls",
    `  - { name: a, call: GET /a, repeat: 99999, expect: {} }`,
    /^cases.yaml:4: repeat must be a whole/,
  ],
  ["a refusal by nobody", `  - { name: a, call: GET /a, expect: { code: internal } }`, /^cases.yaml:4: .*refusedBy/],
  ["a range of words", `  - { name: a, call: GET /a, expect: { seconds: soon } }`, /^cases.yaml:4: must be 5, or 5-9/],
  ["broken YAML", `  - { name: a, call: "GET /a }`, /^cases.yaml:\d+: /],
];
for (const [what, yaml, message] of faults)
  test(`${what} is an error that says where`, () => {
    assert.throws(() => parse(yaml), { message });
  });
