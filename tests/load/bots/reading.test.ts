import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Update, UpdateSchema } from "#gen/game/world/v1/update_pb.ts";
import { PlayResponseSchema } from "#gen/game/world/v1/world_service_pb.ts";
import { readUpdate } from "./reading.ts";

test("an update that bots read by hand is the one that was written", () => {
  const value: Update = create(UpdateSchema, {
    ...{ seq: 4_000_000_000, tick: 7, ackedSeq: 300, correction: { x: -5, y: 12, reason: 2 }, snapshot: true },
    ...{ despawns: [1, 200, 4_000_000_000], moves: [1, -2, 3, 70_000, -80_000, 0] },
    spawns: [{ entityId: 9, who: { case: "userId", value: "ann" }, name: "Ann", x: -1, y: 2, life: 3 }],
    vitals: [{ entityId: 9, dead: true, life: 3 }],
    objects: [{ objectId: "door", open: true }],
    worldEvents: [{ eventId: "moon", name: "Moon", active: true, remainingS: 5 }],
    refusals: [{ seq: 3, reason: "dead" }],
  });
  const bytes = toBinary(PlayResponseSchema, create(PlayResponseSchema, { event: { case: "update", value } }));
  assert.deepEqual(create(UpdateSchema, readUpdate(bytes)), value);
  const joined = create(PlayResponseSchema, { event: { case: "joined", value: { zoneId: "meadow" } } });
  assert.equal(readUpdate(toBinary(PlayResponseSchema, joined)), undefined);
});
