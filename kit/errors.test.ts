import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { defineRefusals, isAway, toConnectError } from "./errors.ts";

test("a refusal carries its code, its reason and when to come back", () => {
  const refuse = defineRefusals("shop", { sold_out: Code.ResourceExhausted });
  const error = refuse("sold_out", "nothing left", { retryAfterS: 1.2, cause: new Error("shelf 3") });
  assert.equal(error.code, Code.ResourceExhausted);
  assert.equal(error.metadata.get("retry-after"), "2");
  const [info] = error.findDetails(ErrorInfoSchema);
  assert.deepEqual([info?.reason, info?.domain], ["sold_out", "shop"]);
  assert.doesNotMatch(error.message, /shelf/);
});

test("an unexpected error becomes INTERNAL and does not show its text", () => {
  const error = toConnectError(new Error("password=hunter2"));
  assert.equal(error.code, Code.Internal);
  assert.doesNotMatch(error.message, /hunter2/);
});

test("a ConnectError passes as it is", () => {
  const error = new ConnectError("no", Code.NotFound);
  assert.equal(toConnectError(error), error);
});

const away: [string, Error][] = [
  ["a refused connection", Object.assign(new Error("x"), { code: "ECONNREFUSED" })],
  ["Postgres shutting down", Object.assign(new Error("x"), { code: "57P01" })],
  ["a statement that took too long", Object.assign(new Error("x"), { code: "57014" })],
  ["a pool without a connection", new Error("timeout exceeded when trying to connect")],
  ["a connection that ended", new Error("Connection terminated unexpectedly")],
  ["Redis away", new Error("Stream isn't writeable and enableOfflineQueue options is false")],
  ["several addresses, all refused", new AggregateError([Object.assign(new Error("x"), { code: "ECONNREFUSED" })])],
];
for (const [name, error] of away)
  test(`${name} means: away for now`, () => {
    assert.ok(isAway(error));
    assert.equal(toConnectError(error).code, Code.Unavailable);
  });

test("a broken constraint does not mean: away", () => {
  assert.equal(isAway(Object.assign(new Error("duplicate key"), { code: "23505" })), false);
});
