import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { createDeletedPlayers } from "#kit/deleted-players.ts";
import { parseEvent, toOutgoing } from "#kit/events.ts";
import { createEventHandlers } from "./events.ts";
import { catalogue, notNow, operation, refusedFor, stack, useInventory } from "./test-inventory.ts";

describe("what players own", () => {
  const { parts, clients, newPlayer, bagOf, books, told, database } = useInventory();

  test("an item is added once, told of once, and its undo takes it out once", async () => {
    const { ledger } = clients();
    const userId = await newPlayer();
    const add = { operationId: operation(), userId, items: stack("sword", 2) };
    for (let i = 0; i < 2; i++) await ledger.addItem(add);
    assert.deepEqual(await bagOf(userId), { sword: 2 });
    assert.deepEqual(
      told.map(({ payload }) => parseEvent(payload).data.value),
      [
        parseEvent(
          toOutgoing("", "", "", { case: "itemObtained", value: { ...stack("sword", 2), source: "purchase" } }).payload,
        ).data.value,
      ],
    );
    for (let i = 0; i < 2; i++) assert.equal((await ledger.removeAddedItem(add)).removed, true);
    assert.deepEqual(await bagOf(userId), {});
    await assert.rejects(ledger.addItem(add), notNow("operation_undone"));
    await books([userId]);
  });

  test("an undo that comes first keeps the late item out", async () => {
    const { ledger } = clients();
    const add = { operationId: operation(), userId: await newPlayer(), items: stack("sword", 1) };
    for (let i = 0; i < 2; i++) assert.equal((await ledger.removeAddedItem(add)).removed, false);
    await assert.rejects(ledger.addItem(add), notNow("operation_undone"));
    assert.deepEqual(await bagOf(add.userId), {});
  });

  test("a bag takes what the catalogue has, up to as many different items as it can hold, and as many of one", async () => {
    const { ledger } = clients();
    const userId = await newPlayer(stack("sword", 1), stack("potion", 49), stack("ring", 1));
    const add = (itemId: string, quantity: number) =>
      ledger.addItem({ operationId: operation(), userId, items: stack(itemId, quantity) });
    await assert.rejects(add("excalibur", 1), refusedFor("item_unknown", Code.NotFound));
    await assert.rejects(add("boots", 1), notNow("bag_full"));
    await assert.rejects(add("potion", 2), notNow("bag_full"));
    await add("potion", 1);
    assert.deepEqual(await bagOf(userId), { potion: 50, ring: 1, sword: 1 });
  });

  test("what was added and is gone or promised can't be taken back, until it is there again", async () => {
    const { ledger } = clients();
    const userId = await newPlayer();
    const add = { operationId: operation(), userId, items: stack("sword", 2) };
    await ledger.addItem(add);
    const reservation = { operationId: operation(), userId, items: [stack("sword", 1)] };
    await ledger.reserveItems(reservation);
    await assert.rejects(ledger.removeAddedItem(add), notNow("item_spent"));
    assert.deepEqual(await bagOf(userId), { sword: [2, 1] });
    await ledger.releaseItems(reservation);
    assert.equal((await ledger.removeAddedItem(add)).removed, true);
  });

  test("a monster's drop is picked up; what comes back of one's own is not; what does not fit is lost", async () => {
    const userId = await newPlayer();
    const obtain = (source: string, teller: string, itemId: string, quantity: number) => {
      const value = { ...stack(itemId, quantity), source };
      const event = parseEvent(toOutgoing("game-events", teller, userId, { case: "itemObtained", value }).payload);
      return database().transaction((client) =>
        createEventHandlers(parts().items, createDeletedPlayers(database().pool)).item_obtained!(event, client),
      );
    };
    await obtain("monster_drop", "combat", "pelt", 2);
    await obtain("trade", "inventory", "pelt", 2);
    await obtain("monster_drop", "combat", "excalibur", 1);
    await obtain("monster_drop", "combat", "pelt", 49);
    assert.deepEqual(await bagOf(userId), { pelt: 2 });
    await assert.rejects(obtain("purchase", "combat", "pelt", 1), TypeError);
    await assert.rejects(obtain("monster_drop", "combat", "pelt", -1), RangeError);
    assert.deepEqual(told, [], "what others told of is not told again");
    await books([userId]);
  });

  test("the catalogue says what is for sale; nothing is bought while sagas are away", async () => {
    const userId = randomUUID();
    const { player } = clients(userId);
    const { items } = await player.listCatalogue({});
    assert.deepEqual([items.length, items.find(({ itemId }) => itemId === "pelt")?.price], [catalogue.size, 0n]);
    const buy = (itemId: string, quantity = 1) => player.purchaseItem({ requestId: "p", itemId, quantity });
    await assert.rejects(buy("excalibur"), refusedFor("item_unknown", Code.NotFound));
    await assert.rejects(buy("pelt"), notNow("not_for_sale"));
    for (const quantity of [0, -1, 101]) await assert.rejects(buy("sword", quantity), { code: Code.InvalidArgument });
    const away = refusedFor("dependency_away", Code.Unavailable);
    await assert.rejects(buy("sword"), away);
    await assert.rejects(player.waitPurchase({ purchaseId: `purchase-${userId}-p` }), away);
    await assert.rejects(Array.fromAsync(player.watchPurchase({ purchaseId: `purchase-${userId}-p` })), away);
  });

  test("the database refuses bags that don't add up", async () => {
    const userId = await newPlayer(stack("sword", 2));
    const refused = (sql: string, why: RegExp) => assert.rejects(database().pool.query(sql, [userId]), why);
    await refused("update item_entry set amount = 1 where user_id = $1", /only ever added/);
    await refused("delete from item_entry where user_id = $1", /only ever added/);
    await refused("update bag_item set quantity = 5 where user_id = $1", /foreign key/);
    await refused("update bag_item set quantity = -1 where user_id = $1", /_in_range/);
    await refused("update bag_item set reserved = 3 where user_id = $1", /reserved_in_range/);
    const insert = "insert into item_entry (user_id, item_id, entry_id, amount, quantity, kind, operation_id) values";
    await refused(`${insert} ($1, 'sword', 2, 1, 4, 'purchase', 'x')`, /foreign key/);
  });
});
