import assert from "node:assert/strict";
import { test } from "node:test";
import { createGroupCommit } from "./group-commit.ts";

/** A store whose writes end when the test says so. */
function createSlowStore() {
  const writes: { key: string; items: string[]; end: (error?: Error) => void }[] = [];
  const write = (key: string, items: string[]) =>
    new Promise<string[]>((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve(items.map((item) => item.toUpperCase())));
      writes.push({ key, items, end });
    });
  return { writes, write };
}

/** Lets everything that is ready go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("the first item waits for nobody, those that come meanwhile go together, in their order", async () => {
  const { writes, write } = createSlowStore();
  const commit = createGroupCommit(write);
  const done = ["a", "b", "c"].map((item) => commit("world", item));
  assert.deepEqual(writes[0]?.items, ["a"]);
  writes[0]?.end();
  assert.equal(await done[0], "A");
  await settle();
  assert.deepEqual(writes[1]?.items, ["b", "c"]);
  writes[1]?.end();
  assert.deepEqual(await Promise.all(done), ["A", "B", "C"]);
});

test("keys don't wait for each other", () => {
  const { writes, write } = createSlowStore();
  const commit = createGroupCommit(write);
  void commit("world", "a");
  void commit("zone/1", "b");
  assert.deepEqual(
    writes.map(({ key }) => key),
    ["world", "zone/1"],
  );
});

test("a group is no larger than allowed", async () => {
  const { writes, write } = createSlowStore();
  const commit = createGroupCommit(write, 2);
  const done = Promise.all(["a", "b", "c", "d"].map((item) => commit("world", item)));
  for (let i = 0; i < 3; i++) {
    writes[i]?.end();
    await settle();
  }
  assert.deepEqual(await done, ["A", "B", "C", "D"]);
  assert.deepEqual(
    writes.map(({ items }) => items),
    [["a"], ["b", "c"], ["d"]],
  );
});

test("an item that can't be stored fails alone", async () => {
  const commit = createGroupCommit(async (_key, items: string[]) => {
    if (items.includes("bad")) throw new Error("no");
    return items;
  });
  const results = await Promise.allSettled(["first", "good", "bad", "fine"].map((item) => commit("world", item)));
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "fulfilled", "rejected", "fulfilled"],
  );
});

test("when the database is away a group fails as a whole, at once, and the next begins anew", async () => {
  const { writes, write } = createSlowStore();
  const commit = createGroupCommit(write);
  const done = Promise.allSettled(["a", "b", "c"].map((item) => commit("world", item)));
  writes[0]?.end();
  await settle();
  writes[1]?.end(Object.assign(new Error("connect"), { code: "ECONNREFUSED" }));
  assert.deepEqual(
    (await done).map(({ status }) => status),
    ["fulfilled", "rejected", "rejected"],
  );
  assert.equal(writes.length, 2);
  const next = commit("world", "d");
  writes[2]?.end();
  assert.equal(await next, "D");
});
