import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizePath } from "./path.ts";

/** What a real Envoy made of each path, noted down; tests/mesh/explain-edge.test.ts asks it anew. */
const read: [sent: string, path: string][] = [
  ["/a/./b", "/a/b"],
  ["/a/../b", "/b"],
  ["/a/..", "/"],
  ["/a/.", "/a/"],
  ["/../../b", "/b"],
  ["/a/%2e%2E/b", "/b"],
  ["/a/.%2e/b", "/b"],
  ["/a//b", "/a/b"],
  ["/a///../b", "/a/b"],
  ["//", "/"],
  ["/a/b//", "/a/b/"],
  ["/a\\b", "/a/b"],
  ["/%41%7e%2d", "/A~-"],
  ["/%21%27%3f%23%25", "/%21%27%3f%23%25"],
  ["/a%zzb%", "/a%zzb%"],
  ["/a^b|c", "/a%5Eb%7Cc"],
  ['/a"<>`{}', "/a%22%3C%3E%60%7B%7D"],
  ["/a;b=c+d,[e]", "/a;b=c+d,[e]"],
  ["/..a/.b/c..", "/..a/.b/c.."],
];
for (const [sent, path] of read)
  test(`${sent} is read as ${path}`, () => assert.deepEqual(normalizePath(sent), { path, query: "" }));

test("the query stays as it is", () => {
  assert.deepEqual(normalizePath("/a/../b?x=%2F..//"), { path: "/b", query: "?x=%2F..//" });
});

test("an escaped slash is sent back without", () => {
  assert.deepEqual(normalizePath("/a%2fb?x=%2f"), { redirect: "/a/b?x=%2f" });
  assert.deepEqual(normalizePath("/a%5Cb"), { redirect: "/a/b" });
});

test("what is no path is refused", () => {
  for (const sent of ["/a#b", "/a?x#y", "/a%00b"]) assert.equal("refused" in normalizePath(sent), true, sent);
  for (const sent of ["", "a", "*", "/a b", "/a\tb"]) assert.equal("malformed" in normalizePath(sent), true, sent);
});
