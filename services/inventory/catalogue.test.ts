import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCatalogue, parseCatalogue } from "./catalogue.ts";

const sword = { itemId: "sword", name: "Sword", price: 10, stack: 5 };

test("the catalogue that comes with the service is well formed, and some of it is not for sale", () => {
  const items = [...loadCatalogue(undefined).values()];
  assert.ok(items.length >= 20);
  assert.ok(items.some(({ price }) => price === 0) && items.some(({ price }) => price > 0));
});

test("every fault is named at once", () => {
  const faulty = [
    sword,
    sword,
    { ...sword, itemId: "Big Sword", price: -1 },
    { ...sword, itemId: "axe", wieght: 3 },
    null,
  ];
  assert.throws(
    () => parseCatalogue(JSON.stringify(faulty)),
    (error: Error) => {
      for (const fault of [
        "sword is there twice",
        "Big Sword: itemId",
        "Big Sword: price",
        "axe: wieght is unknown",
        "item 4: name",
      ])
        assert.match(error.message, new RegExp(fault));
      return true;
    },
  );
  assert.throws(() => parseCatalogue("{}"), /a list of items/);
});

test("the dearest purchase is one that an operation may move", () => {
  const most = 10 ** 12 / 100;
  assert.equal(parseCatalogue(JSON.stringify([{ ...sword, price: most }])).get("sword")?.price, most);
  assert.throws(() => parseCatalogue(JSON.stringify([{ ...sword, price: most + 1 }])), /sword: price/);
});
