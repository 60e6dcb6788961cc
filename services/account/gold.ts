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
   * @throws ConnectError `not_enough_gold`.
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

export function createGold({ database, store }: { database: Database; store: GoldStore }): Gold {
  /** Opens wallets outside of the transaction, one by one: in it, two that open the same ones would wait for each other. */
  const openKnown = async (userId: string) => {
    if (!(await store.knows(userId))) throw refuse("user_unknown", "there is no such user");
    await store.open(userId);
  };

  type Transaction = Parameters<Parameters<Database["transaction"]>[0]>[0];
  async function move(change: GoldChange, client: Transaction, limit = most): Promise<bigint> {
    const balance = await store.move(change, limit, client);
    if (balance !== undefined) return balance;
    if (change.amount < 0n) throw refuse("not_enough_gold", "there is not enough gold");
    throw refuse("wallet_full", "the wallet can't hold more gold");
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
    async deduct(operationId, userId, amount) {
      await store.open(userId);
      return await moveOnce("deduct", { operationId, userId, amount: -amount });
    },
    refund(operationId) {
      return database.transaction((client) =>
        undoOnce(client, operationId, "deduct", async ({ userId, amount }) => {
          const change = { operationId, userId: userId as string, amount: -BigInt(amount as string) };
          await move({ ...change, kind: "refund" }, client, mostEver);
          return true;
        }),
      );
    },
    async credit(operationId, userId, amount) {
      await store.open(userId);
      return await moveOnce("credit", { operationId, userId, amount });
    },
    async transfer(operationId, from, to, amount) {
      if (from === to) throw refuse("to_oneself", "gold can't be given to oneself");
      await openKnown(to);
      await store.open(from);
      const request = { kind: "transfer", from, to, amount: String(amount) };
      const answer = await database.transaction((client) =>
        doOnce(client, operationId, request, async () => {
          await store.lock([from, to], client);
          const left = await move({ operationId, userId: from, amount: -amount, kind: "transfer_out" }, client);
          await move({ operationId, userId: to, amount, kind: "transfer_in" }, client);
          return String(left);
        }),
      );
      return BigInt(answer);
    },
    async grant(operationId, userId, amount) {
      await openKnown(userId);
      return await moveOnce("grant", { operationId, userId, amount });
    },
  };
}
