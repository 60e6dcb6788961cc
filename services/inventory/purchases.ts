import { create, equals, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type WorkflowClient,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
} from "@temporalio/client";
import { type Purchase, PurchaseSchema, PurchaseStatus } from "#gen/game/inventory/v1/purchase_pb.ts";
import { sagaQueue, type TemporalClient, workflowTaskTimeout } from "#kit/temporal.ts";
import { refuse } from "./refusals.ts";

/** What a player wants to buy. */
export interface Order {
  userId: string;
  /** The player's own name for it: the same again is the same purchase. */
  requestId: string;
  itemId: string;
  quantity: number;
  /** Of all of it, in whole gold. */
  price: bigint;
}

/** The sagas that buy. */
export interface Purchases {
  /**
   * Begins a purchase, or finds the one that was begun under this request id.
   *
   * @returns its id, and the price that it was begun with.
   * @throws ConnectError UNAVAILABLE while sagas cannot run; FAILED_PRECONDITION (`request_differs`) when it was another.
   */
  begin(order: Order): Promise<{ purchaseId: string; price: bigint }>;
  /**
   * The purchase at its end, or as it stands before `waitMs` have passed, however slowly Temporal answers.
   *
   * @throws ConnectError NOT_FOUND (`purchase_unknown`) when the user has none of that id.
   */
  wait(userId: string, purchaseId: string, waitMs: number): Promise<Purchase>;
  /** The purchase as it stands, and again whenever a step begins or ends, up to its end. Throws as `wait`. */
  watch(userId: string, purchaseId: string, signal: AbortSignal): AsyncIterable<Purchase>;
}

/** How long each question of a look may take: of the worker, and then of Temporal. */
const lookMs = 700;
const watchEveryMs = 200;

/** Purchases as workflows. Their id names the player, who alone is told of them. */
export function createTemporalPurchases(temporal: TemporalClient): Purchases {
  const idOf = (userId: string, requestId: string) => `purchase-${userId}-${requestId}`;
  const expectOwn = (userId: string, purchaseId: string) => {
    if (!purchaseId.startsWith(idOf(userId, ""))) throw unknown();
  };

  /** What Temporal knows of a purchase, also when no worker runs: what it was begun with, and whether it needs repair. */
  async function describe(purchaseId: string, ms = lookMs) {
    const description = await temporal.ask((workflows) => workflows.getHandle(purchaseId).describe(), ms);
    const memo = description.memo as { itemId: string; quantity: number; price: string; needs_repair?: string };
    const { itemId, quantity, price, needs_repair: needsRepair } = memo;
    const createTime = timestampFromDate(description.startTime);
    const order = { purchaseId, itemId, quantity, price: BigInt(price), createTime };
    return { order, needsRepair, state: description.status.name };
  }

  /** Its end, if it comes within `ms`. */
  async function endWithin(purchaseId: string, ms: number): Promise<Purchase | undefined> {
    try {
      const result = await temporal.ask((workflows) => workflows.result(purchaseId), ms);
      return fromJson(PurchaseSchema, result as JsonValue);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw unknown();
      // Too early, or somebody has ended the workflow: `look` tells.
      return undefined;
    }
  }

  /** Whether it runs, needs repair or has just ended: its steps only the worker knows. */
  async function lookFromAfar(purchaseId: string, within: () => number): Promise<Purchase> {
    const { order, needsRepair, state } = await describe(purchaseId, within());
    const running = create(PurchaseSchema, { ...order, status: PurchaseStatus.RUNNING });
    if (state === "COMPLETED") return (await endWithin(purchaseId, within())) ?? running;
    // What was ended by hand in Temporal, past what sagas do, needs repair too.
    const reason = state === "RUNNING" ? needsRepair : state.toLowerCase();
    return reason ? create(PurchaseSchema, { ...order, status: PurchaseStatus.NEEDS_REPAIR, reason }) : running;
  }

  /** How far it is, step by step, as the worker says. */
  async function look(purchaseId: string, within = () => lookMs): Promise<Purchase> {
    try {
      const query = (workflows: WorkflowClient) => workflows.getHandle(purchaseId).query<JsonValue>("purchase");
      return fromJson(PurchaseSchema, await temporal.ask(query, within()));
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw unknown();
      return lookFromAfar(purchaseId, within);
    }
  }

  return {
    async begin({ userId, requestId, itemId, quantity, price }) {
      const purchaseId = idOf(userId, requestId);
      const order = { itemId, quantity, price: String(price) };
      const options: WorkflowStartOptions = {
        workflowId: purchaseId,
        taskQueue: sagaQueue,
        workflowTaskTimeout,
        // The same request again is the same purchase, also when that has ended.
        workflowIdReusePolicy: "REJECT_DUPLICATE",
        memo: order,
        args: [{ purchaseId, userId, ...order }],
      };
      try {
        await temporal.ask((workflows) => workflows.start("purchase", options));
        return { purchaseId, price };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
      const { order: first } = await describe(purchaseId);
      if (first.itemId !== itemId || first.quantity !== quantity)
        throw refuse("request_differs", "this request id was given to another purchase");
      return { purchaseId, price: first.price };
    },

    async wait(userId, purchaseId, waitMs) {
      expectOwn(userId, purchaseId);
      const end = Date.now() + waitMs;
      const within = () => Math.max(1, Math.min(lookMs, end - Date.now()));
      // Temporal is asked, and not the worker while the purchase runs: each look is a piece of work for it, and it has the sagas to do.
      const purchase = (await endWithin(purchaseId, waitMs - lookMs)) ?? (await lookFromAfar(purchaseId, within));
      return purchase.status === PurchaseStatus.NEEDS_REPAIR ? look(purchaseId, within) : purchase;
    },

    async *watch(userId, purchaseId, signal) {
      expectOwn(userId, purchaseId);
      let told: Purchase | undefined;
      while (!signal.aborted) {
        const ended = await endWithin(purchaseId, watchEveryMs);
        const purchase = ended ?? (await look(purchaseId));
        if (!told || !equals(PurchaseSchema, told, purchase)) yield purchase;
        told = purchase;
        if (ended || purchase.status === PurchaseStatus.COMPLETED || purchase.status === PurchaseStatus.FAILED) return;
      }
    },
  };
}

const unknown = () => refuse("purchase_unknown", "you have no such purchase");
