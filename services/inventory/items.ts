import type pg from "pg";
import type { DeletedPlayers } from "#kit/deleted-players.ts";
import type { Log } from "#kit/log.ts";
import { doOnce, undoOnce } from "#kit/operations.ts";
import type { Outbox } from "#kit/outbox.ts";
import type { Database } from "#kit/postgres.ts";
import { fits } from "./bag.ts";
import type { Catalogue } from "./catalogue.ts";
import { itemObtained } from "./events.ts";
import { refuse } from "./refusals.ts";
import type { BagStore, Change, Reservation, Stack } from "./store.ts";

/** What players own. Each call names its operation, and is done once (kit/operations.ts). */
export interface Items {
  /** @throws ConnectError `item_unknown`, `bag_full`, `user_deleted`. */
  add(operationId: string, userId: string, stack: Stack): Promise<void>;
  /**
   * Undoes an add. False when there was nothing to undo.
   *
   * @throws ConnectError `item_spent` when the player has not as many that are free.
   */
  removeAdded(operationId: string): Promise<boolean>;
  /** @throws ConnectError `not_enough_items`, `item_twice`, `user_deleted`. */
  reserve(operationId: string, userId: string, stacks: Stack[]): Promise<void>;
  /** Undoes a reserve. False when there was nothing to undo, or the items were exchanged. */
  release(operationId: string): Promise<boolean>;
  /** @throws ConnectError `not_reserved`, `bag_full`, `to_oneself`, `user_deleted`. */
  exchange(operationId: string, first: string, second: string): Promise<void>;
  /** What was found in the game goes into the bag; what does not fit is lost, with a line in the log. */
  pickUp(
    operationId: string,
    userId: string,
    stack: Stack,
    kind: "monster_drop" | "quest_reward",
    client: pg.ClientBase,
  ): Promise<void>;
}

/** @param capacity how many different items a bag can hold. */
export function createItems(parts: {
  database: Database;
  store: BagStore;
  deleted: Pick<DeletedPlayers, "some">;
  catalogue: Catalogue;
  outbox: Pick<Outbox, "append" | "wake">;
  capacity: number;
  log: Log;
}): Items {
  const { database, store, deleted, catalogue, outbox, capacity, log } = parts;

  /** Of a deleted player nothing new is begun. What was is undone all the same. */
  async function expectAlive(userIds: string[], client: pg.ClientBase): Promise<void> {
    if (await deleted.some(userIds, client)) throw refuse("user_deleted", "that player's account is no more");
  }

  /** Puts items into a locked bag. False, with nothing done, when they do not fit. */
  async function put(change: Change, client: pg.ClientBase): Promise<boolean> {
    const bag = await store.measure(change.userId, change.itemId, client);
    if (!fits(bag, change.quantity, { capacity, stack: catalogue.get(change.itemId)?.stack })) return false;
    await store.put(change, client);
    return true;
  }

  async function hand(change: Change, source: "purchase" | "trade", client: pg.ClientBase): Promise<void> {
    if (!(await put(change, client))) throw refuse("bag_full", "the bag can't hold that");
    await outbox.append(client, itemObtained(change.userId, change, source));
  }

  /** One transaction, after which the relay is told that there may be events. */
  async function transaction<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    const result = await database.transaction(work);
    outbox.wake();
    return result;
  }

  return {
    async add(operationId, userId, { itemId, quantity }) {
      const request = { kind: "add_item", userId, itemId, quantity };
      await transaction((client) =>
        doOnce(client, operationId, request, async () => {
          if (!catalogue.has(itemId)) throw refuse("item_unknown", "there is no such item");
          await expectAlive([userId], client);
          await store.lock([userId], client);
          await hand({ userId, itemId, quantity, kind: "purchase", operationId }, "purchase", client);
        }),
      );
    },
    removeAdded(operationId) {
      return database.transaction((client) =>
        undoOnce(client, operationId, "add_item", async (request) => {
          const { userId, itemId, quantity } = request as unknown as Stack & { userId: string };
          await store.lock([userId], client);
          const taken = await store.take({ userId, itemId, quantity, kind: "purchase_undone", operationId }, client);
          if (!taken) throw refuse("item_spent", "the player has these items no longer");
          return true;
        }),
      );
    },
    async reserve(operationId, userId, stacks) {
      if (new Set(stacks.map(({ itemId }) => itemId)).size < stacks.length)
        throw refuse("item_twice", "an item is named twice");
      const items = stacks.map(({ itemId, quantity }) => ({ itemId, quantity }));
      await database.transaction((client) =>
        doOnce(client, operationId, { kind: "reserve_items", userId, items }, async () => {
          await expectAlive([userId], client);
          await store.lock([userId], client);
          for (const stack of items)
            if (!(await store.reserve(userId, stack, client)))
              throw refuse("not_enough_items", `there is not enough of ${stack.itemId}`);
          await store.addReservation({ operationId, userId, items }, client);
        }),
      );
    },
    release(operationId) {
      return database.transaction((client) =>
        undoOnce(client, operationId, "reserve_items", async () => {
          const reservation = (await store.lockReservations([operationId], client)).get(operationId);
          if (reservation?.status !== "held") return false;
          await store.lock([reservation.userId], client);
          for (const stack of reservation.items) await store.unreserve(reservation.userId, stack, client);
          await store.setReservation(operationId, "released", client);
          return true;
        }),
      );
    },
    async exchange(operationId, first, second) {
      await transaction((client) =>
        doOnce(client, operationId, { kind: "exchange_items", first, second }, async () => {
          const found = await store.lockReservations([first, second], client);
          const [ours, theirs] = [heldIn(found, first), heldIn(found, second)];
          if (ours.userId === theirs.userId) throw refuse("to_oneself", "items can't be exchanged with oneself");
          await expectAlive([ours.userId, theirs.userId], client);
          await store.lock([ours.userId, theirs.userId], client);
          // All that goes out makes room before anything comes in.
          for (const { userId, items } of [ours, theirs])
            for (const stack of items)
              await store.takeReserved({ ...stack, userId, kind: "trade_out", operationId }, client);
          for (const [from, to] of [
            [ours, theirs],
            [theirs, ours],
          ] as const)
            for (const stack of from.items)
              await hand({ ...stack, userId: to.userId, kind: "trade_in", operationId }, "trade", client);
          for (const id of [first, second]) await store.setReservation(id, "exchanged", client);
        }),
      );
    },
    async pickUp(operationId, userId, stack, kind, client) {
      const lose = (why: string) => log.warn({ userId, ...stack, operationId }, `an item is lost: ${why}`);
      if (!catalogue.has(stack.itemId)) return lose("the catalogue does not have it");
      if (await deleted.some([userId], client)) return lose("its player's account is no more");
      await store.lock([userId], client);
      if (!(await put({ userId, ...stack, kind, operationId }, client))) lose("the bag is full");
    },
  };
}

function heldIn(found: Map<string, Reservation>, operationId: string): Reservation {
  const reservation = found.get(operationId);
  if (reservation?.status !== "held") throw refuse("not_reserved", "the items are not reserved any more");
  return reservation;
}
