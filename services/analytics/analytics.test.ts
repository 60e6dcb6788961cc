import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import fc from "fast-check";
import { AnalyticsService } from "#gen/game/analytics/v1/analytics_service_pb.ts";
import { PurchaseLedgerService } from "#gen/game/analytics/v1/purchase_ledger_service_pb.ts";
import { SagaStatus } from "#gen/game/analytics/v1/saga_pb.ts";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { parseEvent, toOutgoing } from "#kit/events.ts";
import { createLog } from "#kit/log.ts";
import type { OutgoingEvent } from "#kit/outbox.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { createInProcessTransport } from "../../tests/support/in-process.ts";
import { createTestStack } from "../../tests/support/stack.ts";
import { createAnalyticsService } from "./analytics.ts";
import { createPostgresBookStore } from "./book-store.ts";
import { createBooks } from "./books.ts";
import { createPostgresEventStore, receiveEvent } from "./event-store.ts";
import { createEventHandlers } from "./events.ts";
import { prune } from "./pruning.ts";
import { createPurchaseLedgerService } from "./purchase-ledger.ts";
import type { Saga } from "./saga.ts";
import { createSagaMonitor } from "./saga-monitor.ts";
import { createPostgresSagaStore } from "./saga-store.ts";

/** The handlers on a real Postgres. */
describe("analytics", () => {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let database: Database;
  let told: OutgoingEvent[] = [];
  let counted: { status: string; isNew: boolean }[] = [];
  const log = createLog("analytics");
  log.level = "silent";

  before(async () => {
    engines = await createTestStack({ only: ["postgres"] });
    const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
    database = openDatabase({ url: engines.databaseUrl("analytics"), name: "analytics", migrations, log });
    await database.migrated;
  });
  beforeEach(() => {
    told = [];
    counted = [];
  });
  after(async () => {
    await database.close();
    await engines.stop();
  });

  function clients() {
    const [books, sagas] = [createPostgresBookStore(database.pool), createPostgresSagaStore(database.pool)];
    // The relay to Kafka has its own tests: here it is seen what is handed to it.
    const outbox = { append: async (_: unknown, event: OutgoingEvent) => void told.push(event), wake: () => undefined };
    const metrics = { count: ({ status }: Saga, isNew: boolean) => void counted.push({ status, isNew }) };
    const monitor = createSagaMonitor({ database, store: sagas, outbox, metrics });
    const transport = createInProcessTransport(
      (router) =>
        router
          .service(AnalyticsService, createAnalyticsService({ books, sagas }))
          .service(
            PurchaseLedgerService,
            createPurchaseLedgerService(createBooks({ database, store: books }), monitor),
          ),
      {},
      { log },
    );
    return { admin: createClient(AnalyticsService, transport), ledger: createClient(PurchaseLedgerService, transport) };
  }

  const operation = () => `saga-${randomUUID()}`;
  const purchase = (price = 30n) => ({
    operationId: operation(),
    purchaseId: `purchase-${randomUUID()}`,
    userId: randomUUID(),
    itemId: "health_potion",
    quantity: 3,
    price,
  });
  const refusedFor = (reason: string, code: Code) => (error: unknown) => {
    assert.ok(error instanceof ConnectError);
    assert.deepEqual([error.findDetails(ErrorInfoSchema)[0]?.reason, error.code], [reason, code]);
    return true;
  };

  test("a purchase is logged once, and struck once", async () => {
    const { admin, ledger } = clients();
    const [kept, struck] = [purchase(), purchase()];
    for (const one of [kept, struck, kept]) await ledger.logPurchase(one);
    for (let i = 0; i < 2; i++) assert.equal((await ledger.strikePurchase(struck)).struck, true);
    const { purchases } = await admin.listPurchases({});
    assert.deepEqual(
      purchases.map(({ purchaseId, price }) => [purchaseId, price]),
      [[kept.purchaseId, 30n]],
    );
    await assert.rejects(ledger.logPurchase(struck), refusedFor("operation_undone", Code.FailedPrecondition));
    const again = { ...kept, operationId: operation() };
    await assert.rejects(ledger.logPurchase(again), refusedFor("purchase_logged", Code.AlreadyExists));
    const early = purchase();
    assert.equal((await ledger.strikePurchase(early)).struck, false);
    await assert.rejects(ledger.logPurchase(early), refusedFor("operation_undone", Code.FailedPrecondition));
  });

  test("the log is read in pages, newest first", async () => {
    const { admin, ledger } = clients();
    const logged = Array.from({ length: 5 }, () => purchase());
    for (const one of logged) await ledger.logPurchase(one);
    await ledger.strikePurchase(logged[3]!);
    const seen: string[] = [];
    for (let pageToken = ""; seen.length < 4; ) {
      const page = await admin.listPurchases({ pageSize: 2, pageToken });
      seen.push(...page.purchases.map(({ purchaseId }) => purchaseId));
      pageToken = page.nextPageToken;
    }
    const newestFirst = logged.toReversed().filter((one) => one !== logged[3]);
    assert.deepEqual(
      seen.slice(0, 4),
      newestFirst.map(({ purchaseId }) => purchaseId),
    );
    const invalid = refusedFor("page_token_invalid", Code.InvalidArgument);
    await assert.rejects(admin.listPurchases({ pageToken: "nonsense" }), invalid);
    await assert.rejects(admin.listSagas({ pageToken: "nonsense" }), invalid);
  });

  test("whatever is sold, repeated and taken back, in any order and at once: the revenue is that of a simple model", async () => {
    const { admin, ledger } = clients();
    const step = fc.record({ op: fc.nat(3), undo: fc.boolean() });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 6 }), async (rounds) => {
        // An item of its own, so that its revenue is what these sales brought in.
        const itemId = `item_${run++}_${randomUUID().slice(0, 8)}`;
        const sales = [0, 1, 2, 3].map((op) => ({
          operationId: operation(),
          itemId,
          quantity: 1,
          revenue: 10n ** BigInt(op),
        }));
        const states = new Map<number, "done" | "undone">();
        for (const round of rounds) {
          const outcomes = await Promise.allSettled(
            round.map(({ op, undo }) => (undo ? ledger.revertRevenue(sales[op]!) : ledger.addRevenue(sales[op]!))),
          );
          for (const outcome of outcomes)
            if (outcome.status === "rejected") assert.equal(outcome.reason.code, Code.FailedPrecondition);
          const took = round.filter((_, i) => outcomes[i]!.status === "fulfilled");
          // Undone is for good, whatever else was asked for in the same round.
          for (const { op, undo } of took) if (undo) states.set(op, "undone");
          for (const { op, undo } of took) if (!undo && states.get(op) !== "undone") states.set(op, "done");
        }
        const expected = [...states].reduce((sum, [op, is]) => sum + (is === "done" ? sales[op]!.revenue : 0n), 0n);
        const { items, total } = await admin.getRevenue({});
        assert.equal(items.find((item) => item.itemId === itemId)?.revenue ?? 0n, expected);
        assert.equal(
          total,
          items.reduce((sum, { revenue }) => sum + revenue, 0n),
        );
      }),
      { numRuns: 30 },
    );
  });

  test("many sales of one item, all at once, are all counted", async () => {
    const { admin, ledger } = clients();
    const sales = Array.from({ length: 100 }, () => ({
      operationId: operation(),
      itemId: "hot_item",
      quantity: 2,
      revenue: 7n,
    }));
    const queue = [...sales, ...sales];
    const sell = async () => {
      for (let sale = queue.pop(); sale; sale = queue.pop()) await ledger.addRevenue(sale);
    };
    await Promise.all(Array.from({ length: 10 }, sell));
    const item = (await admin.getRevenue({})).items.find(({ itemId }) => itemId === "hot_item");
    assert.deepEqual([item?.quantity, item?.revenue], [200n, 700n]);
  });

  test("the database refuses books that are changed afterwards", async () => {
    const { ledger } = clients();
    await ledger.logPurchase(purchase());
    await ledger.addRevenue({ operationId: operation(), itemId: "bread", quantity: 1, revenue: 2n });
    for (const sql of ["update purchase set price = 1", "delete from revenue_entry", "truncate struck_purchase"])
      await assert.rejects(database.pool.query(sql), /only ever added/);
    const negative = "insert into revenue_entry (item_id, purchases, quantity, revenue, operation_id) values";
    await assert.rejects(database.pool.query(`${negative} ('bread', -1, -9, -9, 'x')`), /check constraint/);
  });

  const start = new Date("2026-01-01T00:00:00Z");
  /** A saga that came to a status so many seconds after its start. */
  const saga = (
    sagaId: string,
    status: SagaStatus,
    seconds: number,
    more: { type?: string; reason?: string; began?: Date } = {},
  ) => {
    const { type = "purchase", reason = "", began = start } = more;
    return {
      sagaId,
      type,
      status,
      reason,
      userId: "3b241101-e2bb-4255-8caf-4136c566a962",
      traceId: "0af7651916cd43dd8448eb211c80319c",
      startTime: timestampFromDate(began),
      statusTime: timestampFromDate(new Date(began.getTime() + seconds * 1_000)),
    };
  };

  test("a saga is followed to its end, and each change is told once; what comes late or again changes nothing", async () => {
    const { admin, ledger } = clients();
    const id = operation();
    const find = async () => (await admin.listSagas({ pageSize: 200 })).sagas.find(({ sagaId }) => sagaId === id);
    const began = new Date("2027-01-01T00:00:00Z");
    await ledger.recordSagaStatus(saga(id, SagaStatus.STARTED, 0, { began }));
    assert.deepEqual([(await find())?.status, (await find())?.endTime], [SagaStatus.STARTED, undefined]);
    const compensated = saga(id, SagaStatus.COMPENSATED, 2, { began, reason: "bag_full" });
    for (const next of [
      compensated,
      compensated,
      saga(id, SagaStatus.STARTED, 0, { began }),
      saga(id, SagaStatus.COMPLETED, 3, { began }),
    ])
      await ledger.recordSagaStatus(next);
    const found = await find();
    assert.deepEqual(
      [found?.status, found?.reason, found?.traceId],
      [SagaStatus.COMPENSATED, "bag_full", compensated.traceId],
    );
    assert.equal(timestampDate(found!.endTime!).getTime(), began.getTime() + 2_000);
    assert.deepEqual(
      told
        .map(({ topic, key, payload }) => [topic, key, parseEvent(payload).data.value])
        .map(([topic, key, value]) => {
          const { status, reason, durationS } = value as { status: string; reason: string; durationS: number };
          return [topic, key, status, reason, durationS];
        }),
      [
        ["saga-events", compensated.userId, "started", "", 0],
        ["saga-events", compensated.userId, "compensated", "bag_full", 2],
      ],
    );
    assert.deepEqual(counted, [
      { status: "started", isNew: true },
      { status: "compensated", isNew: false },
    ]);
  });

  test("a saga whose worker said completed, died, and was undone by the next is counted as undone", async () => {
    const { admin, ledger } = clients();
    const type = "forgotten";
    const id = operation();
    const undone = saga(id, SagaStatus.COMPENSATED, 2, { type, reason: "update_revenue was not answered" });
    const late = saga(id, SagaStatus.COMPLETED, 3, { type });
    for (const next of [saga(id, SagaStatus.COMPLETED, 1, { type }), undone, late]) await ledger.recordSagaStatus(next);
    const { statistics } = await admin.getSagaStatistics({});
    const found = statistics.find((one) => one.type === type)!;
    assert.deepEqual([found.started, found.completed, found.compensated], [1n, 0n, 1n]);
    assert.deepEqual(
      found.lastFailures.map(({ sagaId, reason }) => [sagaId, reason]),
      [[id, undone.reason]],
    );
    assert.deepEqual(
      told.map(({ payload }) => (parseEvent(payload).data.value as { status: string }).status),
      ["completed", "compensated"],
    );
  });

  test("a saga that a person repairs ends as what they made of it", async () => {
    const { admin, ledger } = clients();
    const id = operation();
    const status = async () => (await admin.listSagas({ pageSize: 200 })).sagas.find(({ sagaId }) => sagaId === id);
    // The start was never told: the counts include it all the same.
    await ledger.recordSagaStatus(saga(id, SagaStatus.NEEDS_REPAIR, 1, { type: "repaired", reason: "item_spent" }));
    assert.deepEqual(counted, [{ status: "needs_repair", isNew: true }]);
    assert.deepEqual([(await status())?.status, (await status())?.endTime], [SagaStatus.NEEDS_REPAIR, undefined]);
    const sagas = createPostgresSagaStore(database.pool);
    const waiting = async () => (await sagas.needingRepair()).get("repaired");
    assert.equal(await waiting(), 1);
    await ledger.recordSagaStatus(saga(id, SagaStatus.COMPENSATED, 3_600, { type: "repaired", reason: "item_spent" }));
    assert.deepEqual([(await status())?.status, await waiting()], [SagaStatus.COMPENSATED, undefined]);
    const { statistics } = await admin.getSagaStatistics({});
    const repaired = statistics.find(({ type }) => type === "repaired");
    assert.equal(repaired?.averageDurationS, 1, "what the person took is not the saga's time");
  });

  test("the statistics say how many came to what, how long they took, and the last ten that went wrong", async () => {
    const { admin, ledger } = clients();
    const type = "counted";
    for (let i = 0; i < 100; i++)
      await ledger.recordSagaStatus(saga(operation(), SagaStatus.COMPLETED, (i + 1) / 10, { type }));
    for (let i = 0; i < 12; i++)
      await ledger.recordSagaStatus(
        saga(`failed-${i}`, i % 2 ? SagaStatus.FAILED : SagaStatus.COMPENSATED, 0, {
          type,
          reason: `r${i}`,
          began: new Date(start.getTime() + i * 1_000),
        }),
      );
    await ledger.recordSagaStatus(saga(operation(), SagaStatus.STARTED, 0, { type }));
    const { statistics } = await admin.getSagaStatistics({});
    const found = statistics.find((one) => one.type === type)!;
    assert.deepEqual(
      [found.started, found.completed, found.failed, found.compensated, found.needsRepair],
      [113n, 100n, 6n, 6n, 0n],
    );
    assert.ok(Math.abs(found.averageDurationS - 505 / 112) < 1e-9, String(found.averageDurationS));
    assert.ok(found.p99DurationS > 9.8 && found.p99DurationS < 10, String(found.p99DurationS));
    assert.deepEqual(
      found.lastFailures.map(({ reason }) => reason),
      [11, 10, 9, 8, 7, 6, 5, 4, 3, 2].map((i) => `r${i}`),
    );
  });

  test("the counts are those of the table, also when many sagas change at once", async () => {
    const { admin, ledger } = clients();
    const type = "crowded";
    const ids = Array.from({ length: 12 }, () => operation());
    const ends = [SagaStatus.COMPLETED, SagaStatus.COMPENSATED, SagaStatus.FAILED];
    const tell = (id: string, status: SagaStatus) => ledger.recordSagaStatus(saga(id, status, 1, { type }));
    await Promise.all(ids.map((id) => tell(id, SagaStatus.STARTED)));
    // Each end is told twice at once; and one does not end.
    await Promise.all(ids.slice(1).flatMap((id, i) => [tell(id, ends[i % 3]!), tell(id, ends[i % 3]!)]));
    const found = (await admin.getSagaStatistics({})).statistics.find((one) => one.type === type)!;
    const { started, completed, compensated, failed, needsRepair } = found;
    assert.deepEqual([started, completed, compensated, failed, needsRepair], [12n, 4n, 4n, 3n, 0n]);
  });

  test("sagas are listed in pages, by status, those that began last first", async () => {
    const { admin, ledger } = clients();
    // Many begin in one moment: the id tells them apart.
    const began = new Date("2025-01-01T00:00:00Z");
    for (let i = 0; i < 7; i++) await ledger.recordSagaStatus(saga(`page-${i}`, SagaStatus.NEEDS_REPAIR, 1, { began }));
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await admin.listSagas({ pageSize: 2, pageToken, status: SagaStatus.NEEDS_REPAIR });
      seen.push(...page.sagas.map(({ sagaId }) => sagaId));
      pageToken = page.nextPageToken;
    } while (pageToken);
    assert.deepEqual(
      seen.filter((id) => id.startsWith("page-")),
      [6, 5, 4, 3, 2, 1, 0].map((i) => `page-${i}`),
    );
  });

  test("events of every type are kept as they came, and deleted when they are old", async () => {
    const store = createPostgresEventStore(database.pool);
    const { handlers, otherwise } = createEventHandlers(store);
    const text = JSON.stringify({
      ...JSON.parse(toOutgoing("game-events", "world", "u", { case: "zoneEntered", value: { zoneId: "z" } }).payload),
      type: "of_tomorrow",
      somethingNew: { told: true },
    });
    const ended = toOutgoing("game-events", "auth", "u", {
      case: "sessionEnded",
      value: { sessionId: randomUUID(), expireTime: timestampFromDate(new Date(Date.now() + 60_000)) },
    }).payload;
    await database.transaction(async (client) => {
      await otherwise(receiveEvent(text), client);
      await handlers.session_ended!(receiveEvent(ended), client);
    });
    const stored = async () => (await database.pool.query("select type, payload from event order by type")).rows;
    assert.deepEqual(
      (await stored()).map(({ type }) => type),
      ["of_tomorrow", "session_ended"],
    );
    assert.deepEqual((await stored())[0].payload.somethingNew, { told: true });
    const { signal } = new AbortController();
    await prune(store, new Date(Date.now() - 60_000), signal, 1);
    assert.equal((await stored()).length, 2);
    await prune(store, new Date(Date.now() + 60_000), signal, 1);
    assert.deepEqual(await stored(), []);
  });
});
