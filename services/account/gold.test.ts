import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import fc from "fast-check";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { GoldLedgerService } from "#gen/game/account/v1/gold_ledger_service_pb.ts";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { createDeletedPlayers } from "#kit/deleted-players.ts";
import { parseEvent, toOutgoing } from "#kit/events.ts";
import { createLog } from "#kit/log.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { createInProcessTransport } from "../../tests/support/in-process.ts";
import { createTestStack } from "../../tests/support/stack.ts";
import { createAccountService } from "./account.ts";
import { createEventHandlers } from "./events.ts";
import { createGold } from "./gold.ts";
import { createGoldLedgerService } from "./gold-ledger.ts";
import { createPostgresGoldStore, type GoldStore } from "./gold-store.ts";
import { createPostgresProfileStore } from "./store.ts";

const startingGold = 1_000n;

/** The handlers on a real Postgres. */
describe("gold", () => {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let database: Database;
  let wallets: GoldStore;
  const log = createLog("account");

  before(async () => {
    engines = await createTestStack({ only: ["postgres"] });
    log.level = "error";
    const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
    database = openDatabase({ url: engines.databaseUrl("account"), name: "account", migrations, log });
    wallets = createPostgresGoldStore(database.pool, Number(startingGold));
    await database.migrated;
  });
  after(async () => {
    await database.close();
    await engines.stop();
  });

  /** What a player calls, by the edge; and what a saga calls. */
  function clients(userId = "") {
    const store = createPostgresProfileStore(database.pool);
    const gold = createGold({ database, store: wallets, deleted: createDeletedPlayers(database.pool) });
    const transport = createInProcessTransport(
      (router) =>
        router
          .service(AccountService, createAccountService({ store, gold, statement: wallets }))
          .service(GoldLedgerService, createGoldLedgerService(gold)),
      { userId },
      { log },
    );
    return { player: createClient(AccountService, transport), ledger: createClient(GoldLedgerService, transport) };
  }
  const playerOf = (userId: string) => clients(userId).player;
  const balanceOf = async (userId: string) => (await playerOf(userId).getBalance({})).balance;
  const newPlayer = async () => {
    const userId = randomUUID();
    assert.equal(await balanceOf(userId), startingGold);
    return userId;
  };

  const reasonOf = (reason: string, code: Code) => (error: unknown) => {
    assert.ok(error instanceof ConnectError);
    assert.deepEqual([error.findDetails(ErrorInfoSchema)[0]?.reason, error.code], [reason, code]);
    return true;
  };

  /** Whether the statement of each player adds up to their balance, and what all of them have. */
  async function books(userIds: string[]): Promise<bigint> {
    const { rows } = await database.pool.query(
      `select w.user_id, w.balance, coalesce(sum(e.amount), 0) as sum from wallet w left join gold_entry e using (user_id)
       where user_id = any($1) group by w.user_id`,
      [userIds],
    );
    for (const { user_id, balance, sum } of rows) assert.equal(balance, sum, `the statement of ${user_id} adds up`);
    return rows.reduce((total, { balance }) => total + BigInt(balance), 0n);
  }

  test("everybody begins with the same gold, once, whether the registration or the first look comes first", async () => {
    const register = async (userId: string) => {
      const data = { case: "playerRegistered", value: { username: "ada" } } as const;
      const event = parseEvent(toOutgoing("game-events", "auth", userId, data).payload);
      const handlers = createEventHandlers(
        createPostgresProfileStore(database.pool),
        wallets,
        createDeletedPlayers(database.pool),
      );
      await database.transaction((client) => handlers.player_registered!(event, client));
    };
    const [early, late] = [randomUUID(), randomUUID()];
    assert.equal(await balanceOf(early), startingGold);
    for (const userId of [early, late]) {
      await register(userId);
      await register(userId);
      assert.equal(await balanceOf(userId), startingGold);
      const { entries } = await playerOf(userId).listGoldEntries({});
      assert.deepEqual(
        entries.map(({ kind, amount, balance }) => [kind, amount, balance]),
        [["starting_gold", startingGold, startingGold]],
      );
    }
  });

  test("many who look at once for the first time open one wallet", async () => {
    const userId = randomUUID();
    const seen = await Promise.all(Array.from({ length: 20 }, () => balanceOf(userId)));
    assert.deepEqual(new Set(seen), new Set([startingGold]));
  });

  test("a saga's player who has never looked at their gold has it all the same", async () => {
    const { ledger } = clients();
    const [buyer, seller] = [randomUUID(), randomUUID()];
    const operationId = `t-${randomUUID()}`;
    assert.equal((await ledger.deductGold({ operationId, userId: buyer, amount: 300n })).balance, 700n);
    const credit = { operationId: `${operationId}/credit`, userId: seller, amount: 300n };
    // At once: each would open the wallet.
    const credits = [credit, { ...credit, operationId: `${operationId}/another` }].map((each) =>
      ledger.creditGold(each),
    );
    assert.deepEqual((await Promise.all(credits)).map(({ balance }) => balance).sort(), [1_300n, 1_600n]);
    assert.equal(await books([buyer, seller]), 2n * startingGold + 300n);
  });

  test("a deduct takes once, its repeat gets the first answer, and the name is good for nothing else", async () => {
    const { ledger } = clients();
    const userId = await newPlayer();
    const deduct = { operationId: `purchase-${randomUUID()}/deduct_gold`, userId, amount: 300n };
    assert.equal((await ledger.deductGold(deduct)).balance, 700n);
    await ledger.deductGold({ ...deduct, operationId: `other-${randomUUID()}`, amount: 1n });
    assert.equal((await ledger.deductGold(deduct)).balance, 700n);
    assert.equal(await balanceOf(userId), 699n);
    const differs = reasonOf("operation_differs", Code.FailedPrecondition);
    await assert.rejects(ledger.deductGold({ ...deduct, amount: 301n }), differs);
    await assert.rejects(ledger.deductGold({ ...deduct, userId: randomUUID() }), differs);
    await assert.rejects(ledger.creditGold(deduct), differs);
  });

  test("a refund gives back once, and the deduct is refused from then on", async () => {
    const { ledger } = clients();
    const userId = await newPlayer();
    const deduct = { operationId: `p-${randomUUID()}`, userId, amount: 300n };
    await ledger.deductGold(deduct);
    for (let i = 0; i < 2; i++) assert.equal((await ledger.refundGold(deduct)).refunded, true);
    assert.equal(await balanceOf(userId), startingGold);
    await assert.rejects(ledger.deductGold(deduct), reasonOf("operation_undone", Code.FailedPrecondition));
    assert.equal(await balanceOf(userId), startingGold);
  });

  test("a refund that comes first keeps the late deduct out", async () => {
    const { ledger } = clients();
    const userId = await newPlayer();
    const deduct = { operationId: `p-${randomUUID()}`, userId, amount: 300n };
    for (let i = 0; i < 2; i++) assert.equal((await ledger.refundGold(deduct)).refunded, false);
    await assert.rejects(ledger.deductGold(deduct), reasonOf("operation_undone", Code.FailedPrecondition));
    assert.equal(await balanceOf(userId), startingGold);
  });

  test("a refund undoes a deduct only", async () => {
    const { ledger } = clients();
    const userId = await newPlayer();
    const credit = { operationId: `t-${randomUUID()}`, userId, amount: 5n };
    await ledger.creditGold(credit);
    await assert.rejects(ledger.refundGold(credit), reasonOf("operation_differs", Code.FailedPrecondition));
    assert.equal(await balanceOf(userId), startingGold + 5n);
  });

  test("nobody spends more than they have, and a refusal is not remembered", async () => {
    const { ledger } = clients();
    const userId = await newPlayer();
    const deduct = { operationId: `p-${randomUUID()}`, userId, amount: startingGold + 1n };
    await assert.rejects(ledger.deductGold(deduct), reasonOf("not_enough_gold", Code.FailedPrecondition));
    await ledger.creditGold({ operationId: `t-${randomUUID()}`, userId, amount: 1n });
    assert.equal((await ledger.deductGold(deduct)).balance, 0n);
  });

  test("a wallet has a limit for what others give, not for a refund", async () => {
    const { ledger } = clients();
    const userId = await newPlayer();
    const deduct = { operationId: `p-${randomUUID()}`, userId, amount: 10n };
    await ledger.deductGold(deduct);
    const full = { userId, amount: 10n ** 15n - 990n, kind: "grant", operationId: "test" } as const;
    await database.transaction((client) => wallets.move(full, 10n ** 15n, client));
    const credit = { operationId: `t-${randomUUID()}`, userId, amount: 1n };
    await assert.rejects(ledger.creditGold(credit), reasonOf("wallet_full", Code.FailedPrecondition));
    assert.equal((await ledger.refundGold(deduct)).refunded, true);
    assert.equal(await balanceOf(userId), 10n ** 15n + 10n);
  });

  test("amounts of nothing, less than nothing and more than anybody has are malformed", async () => {
    const { ledger, player } = clients(randomUUID());
    const userId = randomUUID();
    for (const amount of [0n, -1n, 10n ** 12n + 1n, 2n ** 63n - 1n]) {
      const malformed = { code: Code.InvalidArgument };
      await assert.rejects(ledger.deductGold({ operationId: "x", userId, amount }), malformed);
      await assert.rejects(ledger.creditGold({ operationId: "x", userId, amount }), malformed);
      await assert.rejects(player.transferGold({ requestId: "x", toUserId: userId, amount }), malformed);
      await assert.rejects(player.grantGold({ requestId: "x", userId, amount }), malformed);
    }
  });

  test("a transfer goes from one to the other once, by the sender's request id", async () => {
    const [ann, bob] = [await newPlayer(), await newPlayer()];
    const transfer = { requestId: "t1", toUserId: bob, amount: 250n };
    for (let i = 0; i < 2; i++) assert.equal((await playerOf(ann).transferGold(transfer)).balance, 750n);
    assert.equal(await balanceOf(bob), 1_250n);
    // Another's request id is another name.
    await playerOf(bob).transferGold({ ...transfer, toUserId: ann });
    assert.equal(await balanceOf(ann), startingGold);
    const differs = reasonOf("operation_differs", Code.FailedPrecondition);
    await assert.rejects(playerOf(ann).transferGold({ ...transfer, amount: 1n }), differs);
    const { entries } = await playerOf(bob).listGoldEntries({});
    assert.deepEqual(
      entries.map(({ kind, amount, balance }) => [kind, amount, balance]),
      [
        ["transfer_out", -250n, 1_000n],
        ["transfer_in", 250n, 1_250n],
        ["starting_gold", 1_000n, 1_000n],
      ],
    );
  });

  test("gold goes neither to oneself, nor to nobody, nor without being there", async () => {
    const [ann, bob] = [await newPlayer(), await newPlayer()];
    const give = (toUserId: string, amount: bigint) =>
      playerOf(ann).transferGold({ requestId: randomUUID(), toUserId, amount });
    await assert.rejects(give(ann, 1n), reasonOf("to_oneself", Code.InvalidArgument));
    await assert.rejects(give(randomUUID(), 1n), reasonOf("user_unknown", Code.NotFound));
    await assert.rejects(give(bob, 1_001n), reasonOf("not_enough_gold", Code.FailedPrecondition));
    assert.deepEqual([await balanceOf(ann), await balanceOf(bob)], [startingGold, startingGold]);
  });

  test("an administrator's grant comes once, and to players only", async () => {
    const player = await newPlayer();
    const admin = playerOf(randomUUID());
    const grant = { requestId: "g1", userId: player, amount: 7n };
    for (let i = 0; i < 2; i++) assert.equal((await admin.grantGold(grant)).balance, startingGold + 7n);
    const unknown = reasonOf("user_unknown", Code.NotFound);
    await assert.rejects(admin.grantGold({ ...grant, requestId: "g2", userId: randomUUID() }), unknown);
  });

  test("a deleted player's gold stays where it is: given back and owed gold comes in, nothing goes out", async () => {
    const [gone, other] = [await newPlayer(), await newPlayer()];
    const { ledger } = clients();
    await ledger.deductGold({ operationId: `${gone}/before`, userId: gone, amount: 10n });
    await database.transaction((client) => createDeletedPlayers(database.pool).add(gone, client));
    const deleted = reasonOf("user_deleted", Code.FailedPrecondition);
    await assert.rejects(ledger.deductGold({ operationId: `${gone}/after`, userId: gone, amount: 1n }), deleted);
    const give = playerOf(other).transferGold({ requestId: "gift", toUserId: gone, amount: 1n });
    await assert.rejects(give, reasonOf("user_unknown", Code.NotFound));
    const take = playerOf(gone).transferGold({ requestId: "gift", toUserId: other, amount: 1n });
    await assert.rejects(take, deleted);
    assert.equal((await ledger.refundGold({ operationId: `${gone}/before` })).refunded, true);
    await ledger.creditGold({ operationId: `${gone}/owed`, userId: gone, amount: 5n });
    assert.equal(await books([gone, other]), 2n * startingGold + 5n);
  });

  test("the statement is read in pages", async () => {
    const player = await newPlayer();
    const admin = playerOf(randomUUID());
    for (let i = 1; i <= 4; i++) await admin.grantGold({ requestId: `g${i}`, userId: player, amount: BigInt(i) });
    const amounts: bigint[] = [];
    let pages = 0;
    for (let pageToken = ""; pages === 0 || pageToken; pages++) {
      const page = await playerOf(player).listGoldEntries({ pageSize: 2, pageToken });
      amounts.push(...page.entries.map(({ amount }) => amount));
      pageToken = page.nextPageToken;
    }
    assert.deepEqual([pages, amounts], [3, [4n, 3n, 2n, 1n, startingGold]]);
    const invalid = reasonOf("page_token_invalid", Code.InvalidArgument);
    await assert.rejects(playerOf(player).listGoldEntries({ pageToken: "nonsense" }), invalid);
  });

  test("the database refuses books that don't add up", async () => {
    const userId = await newPlayer();
    const refused = (sql: string, why: RegExp) => assert.rejects(database.pool.query(sql, [userId]), why);
    const insert = "insert into gold_entry (user_id, entry_id, amount, balance, kind, operation_id) values";
    await refused("update gold_entry set amount = 1 where user_id = $1", /only ever added/);
    await refused("delete from gold_entry where user_id = $1", /only ever added/);
    await refused("update wallet set balance = 5000 where user_id = $1", /foreign key/);
    await refused("update wallet set balance = -1 where user_id = $1", /balance_in_range/);
    await refused(`${insert} ($1, 2, 10, 1020, 'grant', 'x')`, /foreign key/);
    await refused(`${insert} ($1, 3, 10, 1010, 'grant', 'x')`, /foreign key/);
    await refused(`${insert} ($1, 1, 1000, 1000, 'grant', 'x')`, /duplicate key/);
    assert.equal(await books([userId]), startingGold);
  });

  test("many transfers among few, all at once, neither wait for each other forever nor lose a coin", async () => {
    const players = await Promise.all(Array.from({ length: 4 }, newPlayer));
    const transfers = Array.from({ length: 200 }, (_, i) => ({
      from: players[i % 4]!,
      to: players[(i + 1 + ((i >> 2) % 3)) % 4]!,
      requestId: `t${i}`,
      amount: BigInt(1 + ((i * 37) % 200)),
    }));
    const codes = new Map<Code | undefined, number>();
    const give = async () => {
      for (let next = transfers.pop(); next; next = transfers.pop()) {
        const { from, to: toUserId, requestId, amount } = next;
        const transfer = () => playerOf(from).transferGold({ toUserId, requestId, amount });
        // Each is asked for twice at once: a client that got no answer.
        for (const outcome of await Promise.allSettled([transfer(), transfer()])) {
          const code = outcome.status === "rejected" ? outcome.reason.code : undefined;
          codes.set(code, (codes.get(code) ?? 0) + 1);
          // All connections were taken: a client is told to come again.
          if (code === Code.Unavailable) transfers.push(next);
        }
      }
    };
    await Promise.all(Array.from({ length: 12 }, give));
    // Not to have enough is a fair answer; a deadlock is none.
    for (const code of [Code.FailedPrecondition, Code.Unavailable]) codes.delete(code);
    assert.deepEqual([...codes.keys()], [undefined]);
    assert.ok(codes.get(undefined)! > 200, `most of them went through: ${codes.get(undefined)} of 400`);
    assert.equal(await books(players), 4n * startingGold);
  });

  test("whatever is done, repeated and undone, in any order and at once: the books are those of a simple model", async () => {
    type Step = { op: number; undo: boolean };
    const step = fc.record({ op: fc.nat(3), undo: fc.boolean() });
    const { ledger } = clients();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
        async (rounds: Step[][]) => {
          const userId = await newPlayer();
          const run = randomUUID();
          const deductOf = (op: number) => ({ operationId: `${run}/${op}`, userId, amount: BigInt(200 * (op + 1)) });
          // Of each operation: what is known to have come of it.
          const state = new Map<number, "done" | "undone">();
          for (const round of rounds) {
            const outcomes = await Promise.allSettled(
              round.map(({ op, undo }) => (undo ? ledger.refundGold(deductOf(op)) : ledger.deductGold(deductOf(op)))),
            );
            outcomes.forEach((outcome, i) => {
              const { op, undo } = round[i]!;
              if (outcome.status === "rejected") {
                assert.equal(outcome.reason.code, Code.FailedPrecondition, String(outcome.reason));
                assert.equal(undo, false, "an undo is never refused");
              } else if (undo) state.set(op, "undone");
            });
            // Undone is for good, whatever else was asked for in the same round.
            outcomes.forEach((outcome, i) => {
              const { op, undo } = round[i]!;
              if (!undo && outcome.status === "fulfilled" && state.get(op) !== "undone") state.set(op, "done");
            });
            const spent = [...state]
              .filter(([, is]) => is === "done")
              .reduce((sum, [op]) => sum + deductOf(op).amount, 0n);
            assert.equal(await balanceOf(userId), startingGold - spent);
          }
          await books([userId]);
        },
      ),
      { numRuns: 30 },
    );
  });
});
