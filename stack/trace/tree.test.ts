import assert from "node:assert/strict";
import { test } from "node:test";
import type { Span } from "./jaeger.ts";
import { drawTrace } from "./tree.ts";

const span = (id: string, parentId: string | undefined, start: number, duration: number, tags = {}): Span => ({
  id,
  parentId,
  service: `s${id}`,
  operation: `op${id}`,
  start,
  duration,
  tags,
});

test("spans stand under their parents in the order of their start, with a bar and a duration", () => {
  const spans = [
    span("3", "1", 60, 40, { error: true }),
    span("1", undefined, 0, 100),
    span("2", "1", 10, 40),
    span("4", "2", 10, 20),
  ];
  assert.deepEqual(
    drawTrace(spans).map((line) => line.replaceAll(/ +/g, " ").trim()),
    [
      "s1 op1 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 0.10 ms",
      "├─ s2 op2 ━━━━━━━━━━━━━ 0.04 ms",
      "│ └─ s4 op4 ━━━━━━ 0.02 ms",
      "└─ s3 op3 ━━━━━━━━━━━━━ 0.04 ms ✗",
    ],
  );
});

test("a span whose parent is not known stands by itself", () => {
  assert.equal(drawTrace([span("2", "elsewhere", 0, 1)]).length, 1);
});

test("an empty trace has no lines", () => {
  assert.deepEqual(drawTrace([]), []);
});
