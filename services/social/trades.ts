import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import { refuse as refuseAnyway } from "#kit/errors.ts";
import { sagaQueue, type TemporalClient, workflowTaskTimeout } from "#kit/temporal.ts";
import { refuse } from "./refusals.ts";
import type { Side, Trade } from "./trade.ts";

export type Answer = "ACCEPTED" | "DECLINED" | "CANCELLED";

/** The sagas that exchange. */
export interface Trades {
  /** Begins the saga of an offer, unless it was begun. @throws ConnectError UNAVAILABLE while sagas cannot run. */
  begin(trade: Trade): Promise<void>;
  /**
   * Answers an offer; the same answer again is no fault.
   *
   * @returns false when the saga has ended already.
   * @throws ConnectError FAILED_PRECONDITION when it was answered otherwise, UNAVAILABLE while sagas cannot run.
   */
  answer(tradeId: string, answer: Answer): Promise<boolean>;
}

const refused = ["trade_opening", "trade_answered", "trade_expired"] as const;

export function createTemporalTrades(temporal: TemporalClient): Trades {
  return {
    async begin({ tradeId, fromUserId, toUserId, offered, wanted, expireTime }) {
      const side = (userId: string, { items, gold }: Side) => ({ userId, items, gold: String(gold) });
      const offer = {
        offered: side(fromUserId, offered),
        wanted: side(toUserId, wanted),
        expireTime: expireTime.getTime(),
      };
      const options = {
        workflowId: tradeId,
        taskQueue: sagaQueue,
        workflowTaskTimeout,
        workflowIdReusePolicy: "REJECT_DUPLICATE",
      } as const;
      try {
        await temporal.ask((workflows) => workflows.start("trade", { ...options, args: [offer] }));
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },

    async answer(tradeId, answer) {
      try {
        await temporal.ask(
          (workflows) => workflows.getHandle(tradeId).executeUpdate("answer", { args: [answer] }),
          4_000,
        );
        return true;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)
          throw refuseAnyway("dependency_away", "sagas cannot run now, try again", { retryAfterS: 2, cause: error });
        const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
        const reason = cause instanceof ApplicationFailure ? refused.find((one) => one === cause.type) : undefined;
        if (reason) throw refuse(reason, cause!.message);
        throw error;
      }
    },
  };
}
