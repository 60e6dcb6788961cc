import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { EffectSchema } from "#gen/game/combat/v1/effect_pb.ts";
import { createListener } from "./listener.ts";

test("a reader that is slow loses what there is no room for, is told how much, and then hears again", async () => {
  const listener = createListener("ann");
  for (let i = 0; i < 1_500; i++) listener.offer(create(EffectSchema, { effectId: BigInt(i) }));
  const batch = await listener.next(0);
  assert.deepEqual([batch?.effects.length, batch?.missed], [1_000, 500]);
  listener.offer(create(EffectSchema, {}));
  assert.equal((await listener.next(0))?.effects.length, 1);
  assert.equal(await listener.next(0), undefined);
});
