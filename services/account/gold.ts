import type { DeletedPlayers } from "#kit/deleted-players.ts";
import { doOnce, undoOnce } from "#kit/operations.ts";
import type { Database } from "#kit/postgres.ts";
import type { GoldChange, GoldStore } from "./gold-store.ts";
import { refuse } from "./refusals.ts";

/** A player's gold, in whole units. Each call but the reading ones names its operation, and is done once (kit/operations.ts). */
export interface Gold {
  /** Of a player who is known to be one: a wallet that is not there yet is opened, as their registration may still be on its way. */
  balance(userId: string): Promise<bigint>;
  /**
   * @returns the balance after it.
   * @throws ConnectError `not_enough_gold`, `user_deleted`.
   */
  deduct(operationId: string, userId: string, amount: bigint): Promise<bigint>;
  /** Undoes a deduct. False when there was nothing to undo. */
  refund(operationId: string): Promise<boolean>;
  /** @throws ConnectError `wallet_full`. */
  credit(operationId: string, userId: string, amount: bigint): Promise<bigint>;
  /**
   * @returns what the giver has left.
   * @throws ConnectError `to_oneself`, `user_unknown`, `not_enough_gold`, `wallet_full`.
   */
  transfer(operationId: string, from: string, to: string, amount: bigint): Promise<bigint>;
  /** @throws ConnectError `user_unknown`, `wallet_full`. */
  grant(operationId: string, userId: string, amount: bigint): Promise<bigint>;
}

/** Nobody may come to have more, by what others give. */
const most = 1_000_000_000_000_000n;
/** What the database holds. A refund may go up to here: it must not fail because its player has become rich meanwhile. */
const mostEver = 9_000_000_000_000_000n;

/** A deleted player's gold stays where it is: nothing goes out but what is given back or owed, and only that comes in. */
export function createGold(parts: {
  database: Database;
  store: GoldStore;
  deleted: Pick<DeletedPlayers, "some">;
}): Gold {
  const { database, store, deleted } = parts;
  const requireKnown = async (userId: string) => {
    if ((await deleted.some([userId])) || !(await store.knows(userId)))
      throw refuse("user_unknown", "there is no such user");
  };

  type Transaction = Parameters<Parameters<Database["transaction"]>[0]>[0];
  async function move(change: GoldChange, client: Transaction, limit = most): Promise<bigint> {
    // Those who give are asked; a refund, or what a trade owes, must not fail.
    if (change.amount < 0n && (await deleted.some([change.userId], client)))
      throw refuse("user_deleted", "that player's account is no more");
    const balance = (await store.move(change, limit, client)) ?? (await openAndMove(change, client, limit));
    if (balance !== undefined) return balance;
    if (change.amount < 0n) throw refuse("not_enough_gold", "there is not enough gold");
    throw refuse("wallet_full", "the wallet can't hold more gold");
  }

  /** The player may be new, and have no wallet yet. */
  async function openAndMove(change: GoldChange, client: Transaction, limit: bigint) {
    await store.open(change.userId, client);
    return await store.move(change, limit, client);
  }

  /** One line in one wallet, once. */
  async function moveOnce(kind: "deduct" | "credit" | "grant", change: Omit<GoldChange, "kind">): Promise<bigint> {
    const { operationId, userId, amount } = change;
    const request = { kind, userId, amount: String(amount) };
    const answer = await database.transaction((client) =>
      doOnce(client, operationId, request, async () => String(await move({ ...change, kind }, client))),
    );
    return BigInt(answer);
  }

  return {
    async balance(userId) {
      const balance = await store.balance(userId);
      if (balance !== undefined) return balance;
      await store.open(userId);
      return (await store.balance(userId))!;
    },
    deduct: (operationId, userId, amount) => moveOnce("deduct", { operationId, userId, amount: -amount }),
    refund(operationId) {
      return database.transaction((client) =>
        undoOnce(client, operationId, "deduct", async ({ userId, amount }) => {
          const change = { operationId, userId: userId as string, amount: -BigInt(amount as string) };
          await move({ ...change, kind: "refund" }, client, mostEver);
          return true;
        }),
      );
    },
    credit: (operationId, userId, amount) => moveOnce("credit", { operationId, userId, amount }),
    async transfer(operationId, from, to, amount) {
      if (from === to) throw refuse("to_oneself", "gold can't be given to oneself");
      await requireKnown(to);
      // Not in the transaction: two that open the same wallets in another order would wait for each other.
      for (const userId of [from, to]) await store.open(userId);
      const request = { kind: "transfer", from, to, amount: String(amount) };
      const answer = await database.transaction((client) =>
        doOnce(client, operationId, request, async () => {
          const out = { operationId, userId: from, amount: -amount, kind: "transfer_out" } as const;
          const into = { operationId, userId: to, amount, kind: "transfer_in" } as const;
          const balances = new Map<string, bigint>();
          // Always in the order of their ids: two transfers wait for each other at most once.
          for (const change of from < to ? [out, into] : [into, out])
            balances.set(change.userId, await move(change, client));
          return String(balances.get(from));
        }),
      );
      return BigInt(answer);
    },
    async grant(operationId, userId, amount) {
      await requireKnown(userId);
      return await moveOnce("grant", { operationId, userId, amount });
    },
  };
}
