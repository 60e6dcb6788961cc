import { isAway } from "#kit/errors.ts";
import type { Log } from "#kit/log.ts";
import { meter } from "#kit/metrics.ts";
import { pause } from "#kit/pause.ts";
import type { Leaderboard } from "./leaderboard.ts";
import type { Matcher } from "./matcher.ts";
import type { QueueStore } from "./queue-store.ts";
import type { MatchStore } from "./store.ts";
import type { FoundMatch } from "./ticket.ts";

const found = meter.createCounter("game.match.found", { description: "Matches whose ready check began, by mode" });
const lostClaims = meter.createCounter("game.match.claims_lost", {
  description: "Matches that were not begun because a ticket had gone meanwhile",
});
const ended = meter.createCounter("game.match.timeouts", {
  description: "Ready checks and tickets past their deadline",
});
const waiting = meter.createGauge("game.match.waiting", { description: "Tickets that wait, by mode" });

/** How long a replica leads that says nothing more: so long nothing is matched when it is killed. */
const leadMs = 2_000;

export interface Rounds {
  /** Writes down a match that all are ready for, and tells its players. */
  begin(match: FoundMatch): Promise<void>;
  /** Gives the leaderboard the results that it has not got. */
  placeResults(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * What has to be done again and again for all players: one replica does it at a time, the leader. A leader that wakes late does no
 * harm: each step holds on its own, whoever does it and however often.
 */
export function startRounds(options: {
  queues: QueueStore;
  matcher: Matcher;
  store: MatchStore;
  leaderboard: Leaderboard;
  instance: string;
  /** Milliseconds between two rounds. */
  roundMs: number;
  log: Log;
}): Rounds {
  const { queues, matcher, store, leaderboard, instance, log } = options;
  const stopping = new AbortController();

  async function begin(match: FoundMatch): Promise<void> {
    await store.recordStart(match);
    await queues.start(match.matchId);
  }

  async function placeResults(): Promise<void> {
    for (;;) {
      const { matchIds, ratings } = await store.offLeaderboard();
      if (matchIds.length === 0) return;
      await leaderboard.place(ratings);
      await store.markOnLeaderboard(matchIds);
    }
  }

  const steps: Record<string, () => Promise<void>> = {
    async expire() {
      const { checks, tickets } = await queues.expire();
      if (checks) ended.add(checks, { what: "ready_check" });
      if (tickets) ended.add(tickets, { what: "ticket" });
    },
    async match() {
      for (const [mode, round] of Object.entries(await matcher.round())) {
        waiting.record(round.waiting - round.claimed, { mode });
        if (round.claimed) found.add(round.claimed, { mode });
        if (round.found > round.claimed) lostClaims.add(round.found - round.claimed, { mode });
      }
    },
    async begin() {
      for (const match of await queues.starting()) await begin(match);
    },
    placeResults,
  };

  const failing = new Set<string>();
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      // Without Redis nobody leads, and nothing can be done.
      const leads = await queues.lead(instance, leadMs).catch(() => false);
      // One step that can't be done now, such as without Postgres, holds up no other.
      for (const [name, step] of leads ? Object.entries(steps) : [])
        try {
          await step();
          failing.delete(name);
        } catch (error) {
          const news = !failing.has(name);
          failing.add(name);
          log[news ? (isAway(error) ? "warn" : "error") : "debug"](
            { err: error, step: name },
            "a step failed, trying on",
          );
        }
      await pause(options.roundMs, stopping.signal);
    }
  }

  const running = run();
  return {
    begin,
    placeResults,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
