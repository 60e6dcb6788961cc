import type { Log } from "#kit/log.ts";
import type { RecentMessages } from "./recent-messages.ts";
import { refuse } from "./refusals.ts";
import { judge, memoryOf, traceOf } from "./spam-filter.ts";
import type { SpamRules } from "./spam-rules.ts";

/** Holds what players say against the spam rules and what they have said of late. */
export interface SpamGuard {
  /**
   * Counts a message. One that is refused doesn't count, so it is known when the next may pass.
   *
   * @returns what takes the message back, should it not be said after all.
   * @throws ConnectError RESOURCE_EXHAUSTED.
   */
  admit(userId: string, text: string): Promise<() => void>;
}

export function createSpamGuard(options: {
  rules: SpamRules;
  recent: RecentMessages;
  clock: () => Date;
  log: Log;
}): SpamGuard {
  const { rules, recent, clock, log } = options;
  const memoryMs = memoryOf(rules);
  return {
    async admit(userId, text) {
      const now = clock().getTime();
      const { before, takeBack } = await recent.add(userId, traceOf(text, now), memoryMs);
      const forget = () => {
        takeBack().catch((error: Error) =>
          log.debug({ err: error.message }, "a message counts although it was not said"),
        );
      };
      const verdict = judge(rules, before, text, now);
      if (!verdict) return forget;
      forget();
      const { rule, message, retryAfterS } = verdict;
      throw refuse(rule, message, retryAfterS === undefined ? {} : { retryAfterS });
    },
  };
}
