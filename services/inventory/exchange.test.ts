import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { createDeletedPlayers } from "#kit/deleted-players.ts";
import { notNow, operation, refusedFor, stack, useInventory } from "./test-inventory.ts";

describe("what players promise and exchange", () => {
  const { clients, newPlayer, bagOf, books, told, database } = useInventory();

  test("items are promised to one trade only, and released once", async () => {
    const { ledger } = clients();
    const userId = await newPlayer(stack("sword", 2), stack("ring", 1));
    const reservation = { operationId: operation(), userId, items: [stack("sword", 2), stack("ring", 1)] };
    for (let i = 0; i < 2; i++) await ledger.reserveItems(reservation);
    assert.deepEqual(await bagOf(userId), { sword: [2, 2], ring: [1, 1] });
    const another = { operationId: operation(), userId, items: [stack("sword", 1)] };
    await assert.rejects(ledger.reserveItems(another), notNow("not_enough_items"));
    for (let i = 0; i < 2; i++) assert.equal((await ledger.releaseItems(reservation)).released, true);
    await assert.rejects(ledger.reserveItems(reservation), notNow("operation_undone"));
    await ledger.reserveItems(another);
    await books([userId]);
  });

  test("a reservation of which one item is missing promises none of them", async () => {
    const userId = await newPlayer(stack("sword", 1));
    const reserve = (...items: { itemId: string; quantity: number }[]) =>
      clients().ledger.reserveItems({ operationId: operation(), userId, items });
    await assert.rejects(reserve(stack("sword", 1), stack("ring", 1)), notNow("not_enough_items"));
    await assert.rejects(reserve(stack("sword", 1), stack("sword", 1)), refusedFor("item_twice", Code.InvalidArgument));
    assert.deepEqual(await bagOf(userId), { sword: 1 });
  });

  test("an exchange hands over both sides once, and tells both; then there is nothing left to release", async () => {
    const { ledger } = clients();
    const [ann, bob] = [await newPlayer(stack("sword", 2)), await newPlayer(stack("potion", 5), stack("sword", 1))];
    const [first, second] = [operation(), operation()];
    await ledger.reserveItems({ operationId: first, userId: ann, items: [stack("sword", 2)] });
    await ledger.reserveItems({ operationId: second, userId: bob, items: [stack("potion", 3)] });
    told.length = 0;
    const exchange = { operationId: operation(), firstReservation: first, secondReservation: second };
    for (let i = 0; i < 2; i++) await ledger.exchangeItems(exchange);
    assert.deepEqual([await bagOf(ann), await bagOf(bob)], [{ potion: 3 }, { potion: 2, sword: 3 }]);
    assert.deepEqual(
      told.map(({ key, type }) => [key, type]),
      [
        [bob, "item_obtained"],
        [ann, "item_obtained"],
      ],
    );
    assert.equal((await ledger.releaseItems({ operationId: first })).released, false);
    await assert.rejects(ledger.exchangeItems({ ...exchange, operationId: operation() }), notNow("not_reserved"));
    await books([ann, bob]);
  });

  test("something may be exchanged for nothing", async () => {
    const { ledger } = clients();
    const [ann, bob] = [await newPlayer(stack("sword", 1)), await newPlayer()];
    const [first, second] = [operation(), operation()];
    await ledger.reserveItems({ operationId: first, userId: ann, items: [stack("sword", 1)] });
    await ledger.reserveItems({ operationId: second, userId: bob, items: [] });
    await ledger.exchangeItems({ operationId: operation(), firstReservation: first, secondReservation: second });
    assert.deepEqual([await bagOf(ann), await bagOf(bob)], [{}, { sword: 1 }]);
  });

  test("an exchange that does not fit moves nothing; what goes out makes room", async () => {
    const { ledger } = clients();
    const full = await newPlayer(stack("sword", 1), stack("potion", 1), stack("ring", 1));
    const bob = await newPlayer(stack("boots", 2));
    const reserve = async (userId: string, ...items: { itemId: string; quantity: number }[]) => {
      const operationId = operation();
      await ledger.reserveItems({ operationId, userId, items });
      return operationId;
    };
    const boots = await reserve(bob, stack("boots", 1));
    const nothing = await reserve(full);
    const exchange = (firstReservation: string, secondReservation: string) =>
      ledger.exchangeItems({ operationId: operation(), firstReservation, secondReservation });
    await assert.rejects(exchange(boots, nothing), notNow("bag_full"));
    assert.deepEqual(await bagOf(bob), { boots: [2, 1] });
    await exchange(boots, await reserve(full, stack("ring", 1)));
    assert.deepEqual(
      [await bagOf(full), await bagOf(bob)],
      [
        { boots: 1, potion: 1, sword: 1 },
        { boots: 1, ring: 1 },
      ],
    );
    await assert.rejects(exchange(nothing, nothing), refusedFor("to_oneself", Code.InvalidArgument));
    await assert.rejects(exchange(nothing, operation()), notNow("not_reserved"));
  });

  test("with a deleted player nothing new is begun, and what was begun can be undone", async () => {
    const [gone, other] = [await newPlayer(stack("potion", 3)), await newPlayer(stack("pelt", 1))];
    const { ledger } = clients();
    const added = { operationId: operation(), userId: gone, items: stack("potion", 1) };
    await ledger.addItem(added);
    const [ours, theirs] = [operation(), operation()];
    await ledger.reserveItems({ operationId: ours, userId: gone, items: [stack("potion", 2)] });
    await ledger.reserveItems({ operationId: theirs, userId: other, items: [stack("pelt", 1)] });
    await database().transaction((client) => createDeletedPlayers(database().pool).add(gone, client));

    const deleted = notNow("user_deleted");
    await assert.rejects(ledger.addItem({ ...added, operationId: operation() }), deleted);
    const items = [stack("potion", 1)];
    await assert.rejects(ledger.reserveItems({ operationId: operation(), userId: gone, items }), deleted);
    const exchange = { operationId: operation(), firstReservation: ours, secondReservation: theirs };
    await assert.rejects(ledger.exchangeItems(exchange), deleted);
    for (const operationId of [ours, theirs]) assert.equal((await ledger.releaseItems({ operationId })).released, true);
    assert.equal((await ledger.removeAddedItem(added)).removed, true);
    assert.deepEqual(await books([gone, other]), { potion: 3, pelt: 1 });
  });

  test("many exchanges among few, all at once, neither wait for each other forever nor lose an item", async () => {
    const { ledger } = clients();
    const players: string[] = [];
    for (const itemId of ["sword", "potion", "ring"]) players.push(await newPlayer(stack(itemId, 40)));
    const before = await books(players);
    const codes = new Set<Code>();
    /** A request, asked for twice: a caller that got no answer. */
    const ask = async (call: () => Promise<unknown>) => {
      const outcomes = await Promise.allSettled([call(), call()]);
      for (const outcome of outcomes) if (outcome.status === "rejected") codes.add(outcome.reason.code);
      return outcomes.every(({ status }) => status === "fulfilled");
    };
    let exchanged = 0;
    const trade = async (i: number) => {
      const [from, to] = [players[i % 3]!, players[(i + 1 + (i % 2)) % 3]!];
      const [first, second] = [operation(), operation()];
      const items = ["sword", "potion", "ring"].map((itemId, n) => stack(itemId, 1 + ((i + n) % 3))).slice(i % 3);
      const held = [
        await ask(() => ledger.reserveItems({ operationId: first, userId: from, items })),
        await ask(() => ledger.reserveItems({ operationId: second, userId: to, items: items.slice(1) })),
      ];
      const swap = { operationId: operation(), firstReservation: first, secondReservation: second };
      if (held.every(Boolean) && i % 4 !== 0 && (await ask(() => ledger.exchangeItems(swap)))) exchanged++;
      for (const operationId of [first, second]) await ask(() => ledger.releaseItems({ operationId }));
    };
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    const work = async () => {
      for (let i = numbers.pop(); i !== undefined; i = numbers.pop()) await trade(i);
    };
    await Promise.all(Array.from({ length: 8 }, work));
    codes.delete(Code.FailedPrecondition);
    assert.deepEqual([...codes], []);
    assert.ok(exchanged > 5, `${exchanged} exchanges went through`);
    assert.deepEqual(await books(players), before);
    for (const userId of players)
      for (const left of Object.values(await bagOf(userId)))
        assert.equal(typeof left, "number", "nothing stays reserved");
  });

  test("whatever is added, reserved and undone, in any order and at once: bags are those of a simple model", async () => {
    const { ledger } = clients();
    const command = fc.record({ op: fc.nat(2), what: fc.constantFrom("add", "removeAdded", "reserve", "release") });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(command, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
        async (rounds) => {
          const userId = await newPlayer();
          const run = operation();
          const added = new Map<number, "done" | "undone">();
          const reserved = new Map<number, "done" | "undone">();
          for (const round of rounds) {
            const outcomes = await Promise.allSettled(
              round.map(({ op, what }) => {
                const [add, reserve] = [{ operationId: `${run}/add${op}` }, { operationId: `${run}/reserve${op}` }];
                if (what === "add") return ledger.addItem({ ...add, userId, items: stack("sword", op + 1) });
                if (what === "removeAdded") return ledger.removeAddedItem(add);
                if (what === "reserve")
                  return ledger.reserveItems({ ...reserve, userId, items: [stack("sword", op + 1)] });
                return ledger.releaseItems(reserve);
              }),
            );
            const took = round.filter((_, i) => outcomes[i]!.status === "fulfilled");
            for (const outcome of outcomes)
              if (outcome.status === "rejected") assert.equal(outcome.reason.code, Code.FailedPrecondition);
            for (const [forward, undo, states] of [
              ["add", "removeAdded", added],
              ["reserve", "release", reserved],
            ] as const) {
              // Undone is for good, whatever else was asked for in the same round.
              for (const { op, what } of took) if (what === undo) states.set(op, "undone");
              for (const { op, what } of took)
                if (what === forward && states.get(op) !== "undone") states.set(op, "done");
            }
            const sum = (states: Map<number, string>) =>
              [...states].reduce((total, [op, state]) => total + (state === "done" ? op + 1 : 0), 0);
            const [quantity, promised] = [sum(added), sum(reserved)];
            const expected = quantity === 0 ? {} : { sword: promised ? [quantity, promised] : quantity };
            assert.deepEqual(await bagOf(userId), expected);
          }
          await books([userId]);
        },
      ),
      { numRuns: 30 },
    );
  });
});
