import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { PlayRequestSchema } from "#gen/game/world/v1/world_service_pb.ts";
import { createStepReader, stepSize } from "./step-bytes.ts";

const maxSteps = 4;
const reader = createStepReader(maxSteps);

/** What the reader finds, as the schema has it. */
function read(bytes: Uint8Array) {
  const count = reader.read(bytes);
  return Array.from({ length: count }, (_, i) => {
    const [seq, x, y] = reader.steps.subarray(stepSize * i);
    return { seq: seq! >>> 0, x, y };
  });
}

function usual(bytes: Uint8Array) {
  const { action } = fromBinary(PlayRequestSchema, bytes);
  return action.case === "moves" ? action.value.steps.map(({ seq, x, y }) => ({ seq, x, y })) : [];
}

const sint32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const step = fc.record(
  { seq: fc.integer({ min: 0, max: 2 ** 32 - 1 }), x: sint32, y: sint32 },
  { noNullPrototype: true },
);
const encode = (steps: { seq: number; x: number; y: number }[]) =>
  toBinary(PlayRequestSchema, create(PlayRequestSchema, { action: { case: "moves", value: { steps } } }));

test("steps are read as the schema reads them; none, too many and other actions are left to the usual way", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      assert.deepEqual(read(encode(steps)), steps.length <= maxSteps ? steps : []);
    }),
  );
  const join = create(PlayRequestSchema, { action: { case: "join", value: { zoneId: "meadow" } } });
  assert.deepEqual(read(toBinary(PlayRequestSchema, join)), []);
});

test("of damaged bytes it reads what the schema reads, or nothing", () => {
  const damage = fc.record({ at: fc.nat(40), byte: fc.nat(255), cut: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 3 }), damage, (steps, { at, byte, cut }) => {
      const bytes = encode(steps).slice(0, 4 + cut);
      if (at < bytes.length) bytes[at] = byte;
      const found = read(bytes);
      if (found.length > 0) assert.deepEqual(found, usual(bytes));
    }),
    { numRuns: 5_000 },
  );
});
