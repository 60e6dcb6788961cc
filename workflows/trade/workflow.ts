import {
  ApplicationFailure,
  condition,
  defineUpdate,
  patched,
  proxyLocalActivities,
  setHandler,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import { CalledOff, endlessly, forward, runSaga, undoing } from "../run-saga.ts";
import type { createTradeActivities } from "./activities.ts";

/** What one player gives: of game.social.v1.TradeSide, as JSON, and who. */
export interface TradeSide {
  userId: string;
  items: { itemId: string; quantity: number }[];
  /** Whole gold, as text: JSON's numbers end too early. */
  gold: string;
}

export interface TradeOffer {
  offered: TradeSide;
  wanted: TradeSide;
  /** When it is too late to accept, in milliseconds since 1970. */
  expireTime: number;
}

export type TradeAnswer = "ACCEPTED" | "DECLINED" | "CANCELLED";

/** Answers the offer. Refused with `trade_answered` or `trade_expired` when it is too late, with `trade_opening` before it stands. */
export const answerUpdate = defineUpdate<void, [TradeAnswer]>("answer");

type Activities = ReturnType<typeof createTradeActivities>;
const { reserveItems, takeGold } = proxyLocalActivities<Activities>(forward);
const { releaseItems, returnGold } = proxyLocalActivities<Activities>(undoing);
const { exchangeItems, giveGold, setTradeStatus } = proxyLocalActivities<Activities>(endlessly);

/** Two players exchange items and gold, from the offer to the end: wholly, or not at all. */
export async function trade({ offered, wanted, expireTime }: TradeOffer): Promise<void> {
  const { workflowId: tradeId } = workflowInfo();
  let open = false;
  let answer: TradeAnswer | "EXPIRED" | undefined;
  setHandler(
    answerUpdate,
    (given) => {
      answer = given;
    },
    {
      validator(given) {
        if (answer === "EXPIRED") throw ApplicationFailure.nonRetryable("the offer has expired", "trade_expired");
        if (answer && answer !== given)
          throw ApplicationFailure.nonRetryable(`the offer is ${answer.toLowerCase()}`, "trade_answered");
        if (!open) throw ApplicationFailure.nonRetryable("the offer is being laid", "trade_opening");
      },
    },
  );

  await runSaga(
    "trade",
    offered.userId,
    async ({ status, reason }) => {
      if (status === "NEEDS_REPAIR") await setTradeStatus(tradeId, "NEEDS_REPAIR", reason);
      else if (reason) await setTradeStatus(tradeId, "FAILED", reason);
      else await setTradeStatus(tradeId, answer === "ACCEPTED" ? "COMPLETED" : (answer ?? "FAILED"), "");
    },
    async (saga, lasts) => {
      saga.plan({
        reserve_offered: releaseItems,
        reserve_wanted: releaseItems,
        ...(gives(offered) && { take_offered_gold: returnGold }),
        ...(gives(wanted) && { take_wanted_gold: returnGold }),
      });
      await saga.step("reserve_offered", (id) => reserveItems(id, offered));
      open = true;
      await setTradeStatus(tradeId, "OFFERED", "");
      await lasts();
      await condition(() => answer !== undefined, Math.max(1, expireTime - Date.now()));
      answer ??= "EXPIRED";
      if (answer !== "ACCEPTED") {
        // Until Temporal has written a no down, it is forgotten with the worker: a yes could come after the trade was told to be off.
        if (answer !== "EXPIRED" && patched("no-written-down")) await sleep(1);
        throw new CalledOff(answer);
      }

      await setTradeStatus(tradeId, "ACCEPTED", "");
      await saga.step("reserve_wanted", (id) => reserveItems(id, wanted));
      if (gives(offered)) await saga.step("take_offered_gold", (id) => takeGold(id, offered));
      if (gives(wanted)) await saga.step("take_wanted_gold", (id) => takeGold(id, wanted));
      // Until Temporal has written down all of that, it is forgotten with the worker: then one of those steps could fail after the exchange.
      await sleep(1);
      await saga.pivot("exchange_items", (id) =>
        exchangeItems(id, `${tradeId}/reserve_offered`, `${tradeId}/reserve_wanted`),
      );
      if (gives(offered)) await saga.finish("give_offered_gold", (id) => giveGold(id, wanted.userId, offered.gold));
      if (gives(wanted)) await saga.finish("give_wanted_gold", (id) => giveGold(id, offered.userId, wanted.gold));
    },
  );
}

const gives = ({ gold }: TradeSide) => gold !== "0";
