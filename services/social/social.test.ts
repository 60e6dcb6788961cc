import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";
import { SocialService } from "#gen/game/social/v1/social_service_pb.ts";
import { TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import { createLog } from "#kit/log.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { connectTemporal, type TemporalClient } from "#kit/temporal.ts";
import { createInProcessTransport } from "../../tests/support/in-process.ts";
import { createTestStack } from "../../tests/support/stack.ts";
import { createSocialService } from "./social.ts";
import { createPostgresTradeStore, type TradeStore } from "./store.ts";
import { createTemporalTrades } from "./trades.ts";

/** The handler on a real Postgres, while Temporal is away. What it does with Temporal is tested through the edge (tests/e2e/trades.ts). */
describe("social", () => {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let database: Database;
  let store: TradeStore;
  let temporal: TemporalClient;

  before(async () => {
    engines = await createTestStack({ only: ["postgres"] });
    const log = createLog("social");
    log.level = "silent";
    const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
    database = openDatabase({ url: engines.databaseUrl("social"), name: "social", migrations, log });
    store = createPostgresTradeStore(database);
    temporal = connectTemporal({ address: engines.temporalAddress, identity: "test" });
    await database.migrated;
  });
  after(async () => {
    await temporal.close();
    await database.close();
    await engines.stop();
  });

  function clientOf(userId: string) {
    const accounts = { getUserProfile: async () => ({}) as never };
    const service = createSocialService({
      store,
      trades: createTemporalTrades(temporal),
      accounts,
      clock: () => new Date(),
    });
    const transport = createInProcessTransport((router) => router.service(SocialService, service), { userId });
    return createClient(SocialService, transport);
  }

  const stored = (fromUserId: string, toUserId: string) =>
    store.open({
      tradeId: `trade-${fromUserId}-${randomUUID()}`,
      fromUserId,
      toUserId,
      offered: { items: [{ itemId: "bread", quantity: 2 }], gold: 1_000_000_000_000n },
      wanted: { items: [], gold: 0n },
      expireTime: new Date(Date.now() + 60_000),
    });

  test("while Temporal is away an offer is refused with a hint to come again, and nothing of it stays", async () => {
    const ann = randomUUID();
    const request = { requestId: "1", toUserId: randomUUID(), offered: { gold: 5n } };
    await assert.rejects(clientOf(ann).offerTrade(request), (error: ConnectError) => {
      assert.deepEqual([Code[error.code], error.metadata.get("retry-after")], ["Unavailable", "2"]);
      return true;
    });
    assert.deepEqual((await clientOf(ann).listTrades({})).trades, []);
  });

  test("a trade is kept whole, and its two players alone see it", async () => {
    const [ann, bob, eve] = [randomUUID(), randomUUID(), randomUUID()];
    const { tradeId } = (await stored(ann, bob)).trade;
    for (const who of [ann, bob]) {
      const { trade } = await clientOf(who).getTrade({ tradeId });
      assert.deepEqual([trade?.offered?.gold, trade?.offered?.items[0]?.quantity], [1_000_000_000_000n, 2]);
    }
    await assert.rejects(clientOf(eve).getTrade({ tradeId }), (error: ConnectError) => {
      assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, "trade_unknown");
      return true;
    });
  });

  test("trades are listed newest first, page by page, those of either side", async () => {
    const [ann, bob] = [randomUUID(), randomUUID()];
    const made = [(await stored(ann, bob)).trade, (await stored(bob, ann)).trade, (await stored(ann, bob)).trade];
    for (const { tradeId } of made) await store.setStatus(tradeId, "OFFERED", "");
    await stored(ann, bob); // is still being laid
    const seen: string[] = [];
    for (let pageToken = "", more = true; more; ) {
      const { trades, nextPageToken } = await clientOf(ann).listTrades({ pageSize: 2, pageToken });
      seen.push(...trades.map(({ tradeId }) => tradeId));
      pageToken = nextPageToken;
      more = pageToken !== "";
    }
    assert.deepEqual(seen, made.map(({ tradeId }) => tradeId).reverse());
    await assert.rejects(clientOf(ann).listTrades({ pageToken: "x" }), { code: Code.InvalidArgument });
  });

  test("of two statuses at once the later one stays, in whatever order they come", async () => {
    const { tradeId } = (await stored(randomUUID(), randomUUID())).trade;
    const told = ["ACCEPTED", "COMPLETED", "OFFERED"] as const;
    await Promise.all(told.map((status) => store.setStatus(tradeId, status, "")));
    assert.equal((await store.find(tradeId))?.status, "COMPLETED");
    assert.equal(await store.setStatus(tradeId, "FAILED", "late"), "COMPLETED");
    assert.equal(await store.setStatus("trade-unknown", "FAILED", ""), undefined);
  });

  test("an answer to what has ended tells how it ended, and the same answer again is no fault", async () => {
    const [ann, bob] = [randomUUID(), randomUUID()];
    const ended = async (status: "COMPLETED" | "EXPIRED" | "DECLINED") => {
      const { tradeId } = (await stored(ann, bob)).trade;
      await store.setStatus(tradeId, status, "");
      return tradeId;
    };
    const again = await clientOf(bob).acceptTrade({ tradeId: await ended("COMPLETED") });
    assert.equal(again.trade?.status, TradeStatus.COMPLETED);
    for (const [status, reason] of [
      ["EXPIRED", "trade_expired"],
      ["DECLINED", "trade_answered"],
    ] as const)
      await assert.rejects(clientOf(bob).acceptTrade({ tradeId: await ended(status) }), (error: ConnectError) => {
        assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, reason);
        return true;
      });
  });
});
