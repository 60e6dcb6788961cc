import assert from "node:assert/strict";
import { test } from "node:test";
import { boundaries, nameOf, targetOf } from "./boundaries.ts";
import { planRound, victims } from "./schedule.ts";

test("a round strikes every boundary once, and every victim once at no boundary", () => {
  const { aimed, anywhere } = planRound(boundaries, targetOf, 7, 0);
  assert.deepEqual(aimed.map(({ at }) => nameOf(at!)).sort(), boundaries.map(nameOf).sort());
  assert.deepEqual(anywhere.map(({ victim }) => victim).sort(), [...victims].sort());
});

test("a seed replays its rounds; another seed and another round are others", () => {
  const plan = (seed: number, round: number) => planRound(boundaries, targetOf, seed, round);
  assert.deepEqual(plan(7, 1), plan(7, 1));
  assert.notDeepEqual(plan(7, 1), plan(8, 1));
  assert.notDeepEqual(plan(7, 1), plan(7, 2));
});

test("over some rounds every kind of victim is hit at boundaries, and by every means", () => {
  const rounds = [0, 1, 2, 3].flatMap((round) => planRound(boundaries, targetOf, 7, round).aimed);
  const hit = new Set(rounds.map(({ victim, means }) => `${means} ${victim}`));
  for (const victim of [
    "saga-worker",
    "saga-worker-sidecar",
    "account",
    "inventory",
    "analytics",
    "postgres",
    "temporal",
  ])
    for (const means of ["kill", "pause"]) assert.ok(hit.has(`${means} ${victim}`), `${means} ${victim}`);
  assert.ok(hit.has("cancel saga"));
});

test("each round keeps a service away, after a step is done, for longer than a saga waits", () => {
  const { aimed } = planRound(boundaries, targetOf, 7, 0);
  const long = aimed.filter(({ downMs }) => downMs > 10_000);
  assert.deepEqual(
    long.map(({ at, means, victim }) => [at!.moment, at!.undo, means, victim === targetOf(at!)]),
    Array(2).fill(["after", false, "kill", true]),
  );
});
