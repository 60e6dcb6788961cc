import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate, GateFullError } from "./gate.ts";

/** Work that ends when it is told to. */
function createWork() {
  const { promise, resolve } = Promise.withResolvers<void>();
  let started = false;
  return {
    end: resolve,
    get started() {
      return started;
    },
    run: () => {
      started = true;
      return promise;
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("so many run at once, the rest in the order of asking", async () => {
  const gate = createGate(1, 2);
  const [first, second, third] = [createWork(), createWork(), createWork()];
  const done = [first, second, third].map((work) => gate(work.run));
  await settle();
  assert.deepEqual([first.started, second.started, third.started], [true, false, false]);
  first.end();
  await settle();
  assert.deepEqual([second.started, third.started], [true, false]);
  second.end();
  third.end();
  await Promise.all(done);
});

test("one more than may wait is refused, and the gate works on", async () => {
  const gate = createGate(1, 1);
  const [first, second] = [createWork(), createWork()];
  const done = [gate(first.run), gate(second.run)];
  await assert.rejects(
    gate(async () => undefined),
    GateFullError,
  );
  first.end();
  second.end();
  await Promise.all(done);
  assert.equal(await gate(async () => 7), 7);
});

test("who gives up while waiting frees the place and is never run", async () => {
  const gate = createGate(1, 1);
  const [first, second] = [createWork(), createWork()];
  const giveUp = new AbortController();
  const running = gate(first.run);
  const waiting = gate(second.run, giveUp.signal);
  giveUp.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  const third = gate(async () => 3);
  first.end();
  assert.equal(await third, 3);
  await running;
  assert.equal(second.started, false);
});

test("failing work leaves its place", async () => {
  const gate = createGate(1, 0);
  await assert.rejects(
    gate(async () => {
      throw new Error("no");
    }),
  );
  assert.equal(await gate(async () => 1), 1);
});
