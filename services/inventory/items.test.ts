import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import fc from "fast-check";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { InventoryService } from "#gen/game/inventory/v1/inventory_service_pb.ts";
import { ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import { createDeletedPlayers } from "#kit/deleted-players.ts";
import { createEndedSessions } from "#kit/ended-sessions.ts";
import { parseEvent, toOutgoing } from "#kit/events.ts";
import { reportErrors } from "#kit/interceptors.ts";
import { createLog } from "#kit/log.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { connectTemporal } from "#kit/temporal.ts";
import { createTestStack } from "../../tests/support/stack.ts";
import { parseCatalogue } from "./catalogue.ts";
import { createEventHandlers } from "./events.ts";
import { createInventoryService } from "./inventory.ts";
import { createItemLedgerService } from "./item-ledger.ts";
import { createItems } from "./items.ts";
import { createTemporalPurchases } from "./purchases.ts";
import { createPostgresBagStore } from "./store.ts";

const capacity = 3;
const catalogue = parseCatalogue(
  JSON.stringify(
    ["sword", "potion", "pelt", "ring", "boots"].map((itemId) => ({
      itemId,
      name: itemId,
      price: itemId === "pelt" ? 0 : 10,
      stack: 50,
    })),
  ),
);

/** Nobody listens there. */
const nowhere = connectTemporal({ address: "127.0.0.1:1", identity: "test" });

// One for all: it compiles the rules of each message when it first meets it.
const validate = createValidateInterceptor();

/** The handlers on a real Postgres. */
describe("inventory", () => {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let database: Database;
  let told: OutgoingEvent[] = [];
  const log = createLog("inventory");
  log.level = "silent";

  before(async () => {
    engines = await createTestStack({ only: ["postgres"] });
    const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
    database = openDatabase({ url: engines.databaseUrl("inventory"), name: "inventory", migrations, log });
    await database.migrated;
  });
  after(async () => {
    await nowhere.close();
    await database.close();
    await engines.stop();
  });

  const parts = () => {
    const store = createPostgresBagStore(database.pool);
    // The relay to Kafka has its own tests: here it is seen what is handed to it.
    const outbox = { append: async (_: unknown, event: OutgoingEvent) => void told.push(event), wake: () => undefined };
    const items = createItems({
      database,
      store,
      deleted: createDeletedPlayers(database.pool),
      catalogue,
      outbox,
      capacity,
      log,
    });
    return { store, items };
  };

  function clients(userId = "") {
    const { store, items } = parts();
    const service = createInventoryService({ store, catalogue, purchases: createTemporalPurchases(nowhere), capacity });
    const transport = createRouterTransport(
      (router) => router.service(InventoryService, service).service(ItemLedgerService, createItemLedgerService(items)),
      {
        router: { interceptors: [reportErrors(log), validate] },
        transport: {
          interceptors: [
            (next) => (request) => {
              if (userId) request.header.set("x-user-id", userId);
              return next(request);
            },
          ],
        },
      },
    );
    return { player: createClient(InventoryService, transport), ledger: createClient(ItemLedgerService, transport) };
  }
  const operation = () => `saga-${randomUUID()}`;
  const stack = (itemId: string, quantity: number) => ({ itemId, quantity });

  /** A player with these items. */
  async function newPlayer(...items: { itemId: string; quantity: number }[]): Promise<string> {
    const userId = randomUUID();
    for (const one of items) await clients().ledger.addItem({ operationId: operation(), userId, items: one });
    told = [];
    return userId;
  }

  /** What is in a bag: quantity and, where something is, what is reserved. */
  async function bagOf(userId: string): Promise<Record<string, number | [number, number]>> {
    const { items } = await clients(userId).player.listItems({});
    return Object.fromEntries(
      items.map(({ itemId, quantity, reserved }) => [itemId, reserved ? [quantity, reserved] : quantity]),
    );
  }

  const refusedFor = (reason: string, code: Code) => (error: unknown) => {
    assert.ok(error instanceof ConnectError);
    assert.deepEqual([error.findDetails(ErrorInfoSchema)[0]?.reason, error.code], [reason, code]);
    return true;
  };
  const notNow = (reason: string) => refusedFor(reason, Code.FailedPrecondition);

  /** Whether the lines of each bag add up to what is in it, and its reservations to what is reserved. What all of them hold. */
  async function books(userIds: string[]): Promise<Record<string, number>> {
    const { rows } = await database.pool.query(
      `select b.user_id, b.item_id, b.quantity, b.reserved,
         (select coalesce(sum(amount), 0)::int from item_entry e where e.user_id = b.user_id and e.item_id = b.item_id) as moved,
         (select coalesce(sum(i.quantity), 0)::int from reservation r join reservation_item i using (operation_id)
          where r.user_id = b.user_id and i.item_id = b.item_id and r.status = 'held') as held
       from bag_item b where user_id = any($1)`,
      [userIds],
    );
    const total: Record<string, number> = {};
    for (const { user_id, item_id, quantity, reserved, moved, held } of rows) {
      assert.deepEqual([quantity, reserved], [moved, held], `${item_id} of ${user_id}`);
      total[item_id] = (total[item_id] ?? 0) + quantity;
    }
    return total;
  }

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
    told = [];
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

  test("a monster's drop is picked up; what comes back of one's own is not; what does not fit is lost", async () => {
    const userId = await newPlayer();
    const sessions = createEndedSessions(database.pool);
    const obtain = (source: string, teller: string, itemId: string, quantity: number) => {
      const value = { ...stack(itemId, quantity), source };
      const event = parseEvent(toOutgoing("game-events", teller, userId, { case: "itemObtained", value }).payload);
      return database.transaction((client) =>
        createEventHandlers(parts().items, sessions, createDeletedPlayers(database.pool)).item_obtained!(event, client),
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

  test("with a deleted player nothing new is begun, and what was begun can be undone", async () => {
    const [gone, other] = [await newPlayer(stack("potion", 3)), await newPlayer(stack("pelt", 1))];
    const { ledger } = clients();
    const added = { operationId: operation(), userId: gone, items: stack("potion", 1) };
    await ledger.addItem(added);
    const [ours, theirs] = [operation(), operation()];
    await ledger.reserveItems({ operationId: ours, userId: gone, items: [stack("potion", 2)] });
    await ledger.reserveItems({ operationId: theirs, userId: other, items: [stack("pelt", 1)] });
    await database.transaction((client) => createDeletedPlayers(database.pool).add(gone, client));

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
    const refused = (sql: string, why: RegExp) => assert.rejects(database.pool.query(sql, [userId]), why);
    await refused("update item_entry set amount = 1 where user_id = $1", /only ever added/);
    await refused("delete from item_entry where user_id = $1", /only ever added/);
    await refused("update bag_item set quantity = 5 where user_id = $1", /foreign key/);
    await refused("update bag_item set quantity = -1 where user_id = $1", /_in_range/);
    await refused("update bag_item set reserved = 3 where user_id = $1", /reserved_in_range/);
    const insert = "insert into item_entry (user_id, item_id, entry_id, amount, quantity, kind, operation_id) values";
    await refused(`${insert} ($1, 'sword', 2, 1, 4, 'purchase', 'x')`, /foreign key/);
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
