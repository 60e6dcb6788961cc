import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf, isEnd, replaces, type Status } from "./trade.ts";

const nothing = { items: [], gold: 0n };
const bread = { items: [{ itemId: "bread", quantity: 1 }], gold: 0n };
const offer = (offered: typeof bread, wanted: typeof bread, toUserId = "bob") =>
  faultOf({ fromUserId: "ann", toUserId, offered, wanted });

test("an offer takes two players, something to give, and each item once on a side", () => {
  assert.equal(offer(bread, { items: [], gold: 1n }), undefined);
  assert.equal(offer(bread, bread), undefined);
  assert.equal(offer(nothing, { items: [], gold: 1n }), undefined);
  assert.equal(offer(bread, nothing, "ann"), "trade_with_oneself");
  assert.equal(offer(nothing, nothing), "trade_of_nothing");
  assert.equal(offer({ ...bread, items: [...bread.items, ...bread.items] }, nothing), "item_twice");
});

test("a status that comes late replaces nothing", () => {
  const order: Status[] = ["OPENING", "OFFERED", "ACCEPTED", "NEEDS_REPAIR", "COMPLETED"];
  for (const [i, current] of order.entries())
    for (const [j, next] of order.entries()) assert.equal(replaces(next, current), j > i, `${current} -> ${next}`);
});

test("what has ended stays as it ended", () => {
  const ends: Status[] = ["COMPLETED", "DECLINED", "CANCELLED", "EXPIRED", "FAILED"];
  for (const end of ends) {
    assert.ok(isEnd(end));
    for (const next of [...ends, "OFFERED", "NEEDS_REPAIR"] as const) assert.ok(!replaces(next, end));
  }
});
