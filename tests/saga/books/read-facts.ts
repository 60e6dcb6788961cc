import type { Client } from "@temporalio/client";
import { defaultPayloadConverter } from "@temporalio/common";
import pg from "pg";
import type { Facts, Outcome, SagaFact, Side, Told } from "./facts.ts";

/** What is read of a stack. */
export interface Books {
  databaseUrl(service: string): string;
}

/** Reads the facts of a run that has come to rest: from the four databases by SQL, and from Temporal's own records. */
export async function readFacts(books: Books, temporal: Client, told: Told): Promise<Facts> {
  const select = await openDatabases(books);
  try {
    const tradeStatus = new Map(
      (await select("social", "select trade_id, status from trade")).map((row) => [row.trade_id, row.status]),
    );
    return {
      wallets: (await select("account", "select user_id, balance from wallet")).map((row) => ({
        userId: row.user_id,
        balance: BigInt(row.balance),
      })),
      goldLines: (await select("account", "select * from gold_entry")).map((row) => ({
        userId: row.user_id,
        amount: BigInt(row.amount),
        kind: row.kind,
        operationId: row.operation_id,
      })),
      bags: (await select("inventory", "select * from bag_item")).map((row) => ({
        userId: row.user_id,
        itemId: row.item_id,
        quantity: row.quantity,
        reserved: row.reserved,
      })),
      itemLines: (await select("inventory", "select * from item_entry")).map((row) => ({
        userId: row.user_id,
        itemId: row.item_id,
        amount: row.amount,
        kind: row.kind,
        operationId: row.operation_id,
      })),
      reservations: (
        await select(
          "inventory",
          "select * from reservation join reservation_item using (operation_id) where status = 'held'",
        )
      ).map((row) => ({
        operationId: row.operation_id,
        userId: row.user_id,
        itemId: row.item_id,
        quantity: row.quantity,
      })),
      log: (
        await select(
          "analytics",
          "select p.* from purchase p where not exists (select from struck_purchase s where s.entry_id = p.entry_id)",
        )
      ).map((row) => ({
        purchaseId: row.purchase_id,
        userId: row.user_id,
        itemId: row.item_id,
        quantity: row.quantity,
        price: BigInt(row.price),
      })),
      revenue: (await select("analytics", "select * from item_revenue")).map((row) => ({
        itemId: row.item_id,
        quantity: Number(row.quantity),
        revenue: BigInt(row.revenue),
      })),
      revenueLines: (await select("analytics", "select * from revenue_entry")).map((row) => ({
        itemId: row.item_id,
        quantity: row.quantity,
        revenue: BigInt(row.revenue),
        operationId: row.operation_id,
      })),
      monitor: new Map((await select("analytics", "select * from saga")).map((row) => [row.saga_id, row.status])),
      sagas: await readSagas(temporal, tradeStatus),
      told,
    };
  } finally {
    await select.close();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: rows are what the queries say
type Row = Record<string, any>;

async function openDatabases({ databaseUrl }: Books) {
  const open = new Map<string, pg.Client>();
  async function select(service: string, sql: string): Promise<Row[]> {
    let client = open.get(service);
    if (!client) {
      client = new pg.Client({ connectionString: databaseUrl(service) });
      open.set(service, client);
      await client.connect();
    }
    return (await client.query<Row>(sql)).rows;
  }
  const close = async () => {
    for (const client of open.values()) await client.end();
  };
  return Object.assign(select, { close });
}

/** So many histories are asked for at once. */
const width = 16;

async function readSagas(temporal: Client, tradeStatus: Map<string, string>): Promise<SagaFact[]> {
  const found: SagaFact[] = [];
  const queue = temporal.workflow.list()[Symbol.asyncIterator]();
  async function work(): Promise<void> {
    for (let next = await queue.next(); !next.done; next = await queue.next()) {
      const { workflowId, type, status, memo } = next.value;
      const { input, result } = await readHistory(temporal, workflowId);
      const needsRepair = Boolean(memo?.needs_repair);
      const standing = status.name === "RUNNING" && needsRepair ? "NEEDS_REPAIR" : status.name;
      if (type === "purchase") found.push(purchaseFact(workflowId, standing, input, result));
      else if (type === "trade") found.push(tradeFact(workflowId, standing, input, tradeStatus.get(workflowId)));
    }
  }
  await Promise.all(Array.from({ length: width }, work));
  return found;
}

async function readHistory(temporal: Client, workflowId: string): Promise<{ input: Row; result: Row | undefined }> {
  const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory();
  const decode = (payload: unknown): Row | undefined =>
    payload ? defaultPayloadConverter.fromPayload(payload as never) : undefined;
  const begun = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  const ended = events?.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads?.[0];
  return { input: decode(begun)!, result: decode(ended) };
}

const outcomes: Record<string, Outcome> = {
  RUNNING: "running",
  NEEDS_REPAIR: "needs_repair",
  PURCHASE_STATUS_COMPLETED: "completed",
  PURCHASE_STATUS_FAILED: "failed",
  TRADE_STATUS_COMPLETED: "completed",
  TRADE_STATUS_DECLINED: "called_off",
  TRADE_STATUS_CANCELLED: "called_off",
  TRADE_STATUS_EXPIRED: "called_off",
  TRADE_STATUS_FAILED: "failed",
};

function purchaseFact(sagaId: string, standing: string, input: Row, result: Row | undefined): SagaFact {
  const { userId, itemId, quantity, price } = input;
  const outcome = outcomes[standing === "COMPLETED" ? result?.status : standing] ?? "broken";
  return { type: "purchase", sagaId, outcome, userId, itemId, quantity, price: BigInt(price) };
}

/** A trade's workflow says only that it has ended; how, is in the books of social. */
function tradeFact(sagaId: string, standing: string, input: Row, status: string | undefined): SagaFact {
  const side = ({ gold, items }: Row): Side => ({ gold: BigInt(gold), items });
  const outcome = outcomes[standing === "COMPLETED" ? `TRADE_STATUS_${status?.toUpperCase()}` : standing] ?? "broken";
  return {
    type: "trade",
    sagaId,
    outcome,
    fromUserId: input.offered.userId,
    toUserId: input.wanted.userId,
    offered: side(input.offered),
    wanted: side(input.wanted),
  };
}
