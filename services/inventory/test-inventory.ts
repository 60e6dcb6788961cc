/** For the tests of this service: its handlers on a real Postgres. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { InventoryService } from "#gen/game/inventory/v1/inventory_service_pb.ts";
import { ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import { createDeletedPlayers } from "#kit/deleted-players.ts";
import { createLog } from "#kit/log.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { connectTemporal } from "#kit/temporal.ts";
import { createInProcessTransport } from "../../tests/support/in-process.ts";
import { createTestStack } from "../../tests/support/stack.ts";
import { parseCatalogue } from "./catalogue.ts";
import { createInventoryService } from "./inventory.ts";
import { createItemLedgerService } from "./item-ledger.ts";
import { createItems } from "./items.ts";
import { createTemporalPurchases } from "./purchases.ts";
import { createPostgresBagStore } from "./store.ts";

const capacity = 3;
export const catalogue = parseCatalogue(
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

export const operation = () => `saga-${randomUUID()}`;
export const stack = (itemId: string, quantity: number) => ({ itemId, quantity });

export const refusedFor = (reason: string, code: Code) => (error: unknown) => {
  assert.ok(error instanceof ConnectError);
  assert.deepEqual([error.findDetails(ErrorInfoSchema)[0]?.reason, error.code], [reason, code]);
  return true;
};
export const notNow = (reason: string) => refusedFor(reason, Code.FailedPrecondition);

/** Starts the service's database for the tests of a file, and says what they can do with it. `told`: the events that were handed to the outbox. */
export function useInventory() {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let database: Database;
  const told: OutgoingEvent[] = [];
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
    const transport = createInProcessTransport(
      (router) => router.service(InventoryService, service).service(ItemLedgerService, createItemLedgerService(items)),
      { userId },
      { log },
    );
    return { player: createClient(InventoryService, transport), ledger: createClient(ItemLedgerService, transport) };
  }
  /** A player with these items. */
  async function newPlayer(...items: { itemId: string; quantity: number }[]): Promise<string> {
    const userId = randomUUID();
    for (const one of items) await clients().ledger.addItem({ operationId: operation(), userId, items: one });
    told.length = 0;
    return userId;
  }

  /** What is in a bag: quantity and, where something is, what is reserved. */
  async function bagOf(userId: string): Promise<Record<string, number | [number, number]>> {
    const { items } = await clients(userId).player.listItems({});
    return Object.fromEntries(
      items.map(({ itemId, quantity, reserved }) => [itemId, reserved ? [quantity, reserved] : quantity]),
    );
  }

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

  return { parts, clients, newPlayer, bagOf, books, told, database: () => database };
}
