/** Players whose account is deleted in the middle of a saga, on the whole platform; the books of everybody are checked afterwards. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client, Connection } from "@temporalio/client";
import pg from "pg";
import { TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import { format, workload } from "../../mesh/local/topology.ts";
import { temporalNamespace } from "../../stack/engines/temporal.ts";
import type { Stack } from "../../stack/stack.ts";
import { joinGame, type Player } from "../support/players.ts";
import { createTestStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { check } from "./books/check.ts";
import type { Facts } from "./books/facts.ts";
import { readFacts } from "./books/read-facts.ts";
import { createNotes } from "./chaos/told.ts";
import { running } from "./chaos/waiting.ts";
import { watchWorkerCalls } from "./chaos/worker-calls.ts";

const parts = ["edge", "auth", "account", "inventory", "analytics", "social", "saga-worker"];
const engines = ["postgres", "redis", "kafka", "temporal"];
const deadlineMs = 120_000;

describe("a player who is deleted in the middle of", () => {
  let stack: Stack;
  let connection: Connection;
  let temporal: Client;
  let calls: Awaited<ReturnType<typeof watchWorkerCalls>>;
  /** What happens before calls of that method leave the worker, each of which waits for it. */
  let midway: { method: string; reached: () => void; over: Promise<void> } | undefined;

  before(async () => {
    calls = await watchWorkerCalls(() => stack.at.outbound(workload("saga-worker")), {
      async before({ method }) {
        if (midway?.method === method) {
          midway.reached();
          await midway.over;
        }
        return "pass";
      },
      after: async () => "pass",
    });
    stack = await createTestStack({
      only: [...engines, ...parts],
      envOf: { "saga-worker": { MESH_EGRESS: calls.address } },
    });
    connection = await Connection.connect({ address: stack.temporalAddress });
    temporal = new Client({ connection, namespace: temporalNamespace });
  });
  after(async () => {
    await connection?.close();
    await calls?.stop();
    await stack?.stop();
  });

  const join = () => joinGame(`http://${format(stack.at.edge)}`);

  /** Deletes the player when the saga comes to that call, which goes on once all who keep books know it. */
  function deleteAt(method: string, player: Player): Promise<void> {
    const reached = Promise.withResolvers<void>();
    const over = reached.promise.then(async () => {
      await player.auth.deleteAccount({ password: player.password });
      for (const service of ["account", "inventory"])
        await until(`${service} knows`, () => knowsDeleted(stack, service, player.userId), deadlineMs);
    });
    midway = { method, reached: reached.resolve, over };
    return over;
  }

  async function booksAtRest(): Promise<Facts> {
    await until("no saga runs", async () => (await running(temporal)).length === 0, deadlineMs);
    midway = undefined;
    const facts = await readFacts(stack, temporal, createNotes().told);
    // Nobody wrote down what they were told, so that rule has nothing to go by.
    const faults = check(facts).filter(({ rule }) => rule !== "told");
    assert.deepEqual(faults, []);
    return facts;
  }
  const goldOf = ({ wallets }: Facts, { userId }: Player) =>
    wallets.find((wallet) => wallet.userId === userId)?.balance;
  const outcomeOf = ({ sagas }: Facts, id: string) => sagas.find(({ sagaId }) => sagaId === id)?.outcome;

  test("a purchase gets nothing, and what was paid is given back", async () => {
    const ann = await join();
    const { balance } = await ann.account.getBalance({});
    const deleted = deleteAt("AddItem", ann);
    const { purchaseId } = await ann.inventory.purchaseItem({ requestId: "p", itemId: "bread", quantity: 1 });
    await deleted;
    const facts = await booksAtRest();
    assert.deepEqual([outcomeOf(facts, purchaseId), goldOf(facts, ann)], ["failed", balance]);
    await assert.rejects(
      join().then((bob) => bob.account.getUserProfile({ userId: ann.userId })),
      /no such user/,
    );
  });

  /** Ann offers 5 for 7 to Bob, who accepts. */
  async function agree(ann: Player, bob: Player): Promise<string> {
    const sides = { offered: { gold: 5n }, wanted: { gold: 7n } };
    const offer = { requestId: "t", toUserId: bob.userId, ...sides, validS: 300 };
    const { tradeId } = (await ann.social.offerTrade(offer)).trade!;
    const isOffered = async () => (await bob.social.getTrade({ tradeId })).trade!.status === TradeStatus.OFFERED;
    await until("it is offered", isOffered, deadlineMs);
    await until("it is accepted", () => bob.social.acceptTrade({ tradeId }), deadlineMs);
    return tradeId;
  }

  test("a trade keeps what they have, and so does the other, as long as it can be undone", async () => {
    const [ann, bob] = [await join(), await join()];
    const { balance } = await bob.account.getBalance({});
    const deleted = deleteAt("ExchangeItems", ann);
    const tradeId = await agree(ann, bob);
    await deleted;
    const facts = await booksAtRest();
    assert.equal(outcomeOf(facts, tradeId), "failed");
    assert.deepEqual([goldOf(facts, ann), goldOf(facts, bob)], [balance, balance]);
  });

  test("a trade that can't be undone any more gets what is theirs", async () => {
    const [ann, bob] = [await join(), await join()];
    const { balance } = await bob.account.getBalance({});
    const deleted = deleteAt("CreditGold", ann);
    const tradeId = await agree(ann, bob);
    await deleted;
    const facts = await booksAtRest();
    assert.equal(outcomeOf(facts, tradeId), "completed");
    assert.deepEqual([goldOf(facts, ann), goldOf(facts, bob)], [balance + 2n, balance - 2n]);
  });
});

async function knowsDeleted({ databaseUrl }: Stack, service: string, userId: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl(service) });
  await client.connect();
  try {
    const { rowCount } = await client.query("select from deleted_player where user_id = $1", [userId]);
    return rowCount === 1;
  } finally {
    await client.end();
  }
}
