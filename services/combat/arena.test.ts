import assert from "node:assert/strict";
import { test } from "node:test";
import { createArena } from "./arena.ts";
import type { Effect } from "./rules/effect.ts";
import { catalog } from "./rules/test-zone.ts";

function start() {
  let time = 1_000_000;
  const heard: Effect[] = [];
  const lines: string[] = [];
  const arena = createArena({
    ...{ zoneId: "meadow", catalog, obstacles: [], pvp: false, seed: 1 },
    heard: (effects) => heard.push(...effects),
    record: (line) => lines.push(line),
    clock: () => time,
  });
  return { arena, heard, lines, pass: (ms: number) => (time += ms) };
}

test("time passes while the world is here, and not while it is away", () => {
  const { arena, pass } = start();
  arena.wait();
  assert.equal(arena.zone.now, 0);
  arena.setHere(true);
  pass(300);
  arena.wait();
  assert.equal(arena.zone.now, 300);
  arena.setHere(false);
  pass(5_000);
  arena.setHere(true);
  pass(50);
  arena.wait();
  assert.equal(arena.zone.now, 350);
});

test("what the process slept through has not passed", () => {
  const { arena, pass } = start();
  arena.setHere(true);
  pass(600_000);
  arena.wait();
  assert.equal(arena.zone.now, 1_000);
});

test("each effect has its number, and the log holds the commands but not the waiting", () => {
  const { arena, heard, lines, pass } = start();
  arena.setHere(true);
  for (const [id, kind] of [["ann"], ["doll", "dummy"]] as const)
    arena.carryOut({ type: "enter", id, x: 0, y: 0, ...(kind && { kind }) });
  const first = arena.carryOut({ type: "cast", id: "ann", skill: "hit", target: "doll" });
  pass(1_000);
  arena.wait();
  const second = arena.carryOut({ type: "cast", id: "ann", skill: "hit", target: "doll" });
  assert.deepEqual([first.firstId, second.firstId, heard.length], [1, 3, 4]);
  assert.deepEqual(
    lines.slice(1).map((line) => JSON.parse(line)[1].type),
    ["enter", "enter", "cast", "cast"],
  );
});
