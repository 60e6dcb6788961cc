import { Code } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";

/** Why this service says no. */
export const refuse = defineRefusals("match", {
  token_expired: Code.Unauthenticated,
  already_queued: Code.FailedPrecondition,
  with_oneself: Code.InvalidArgument,
  ticket_unknown: Code.NotFound,
  match_starting: Code.FailedPrecondition,
  match_unknown: Code.NotFound,
  ready_check_over: Code.FailedPrecondition,
  player_unknown: Code.NotFound,
  outcome_unfit: Code.InvalidArgument,
  already_reported: Code.FailedPrecondition,
});

export const messages = {
  already_queued: "you are in a queue already: leave it first",
  ticket_unknown: "no such ticket names you",
  match_starting: "all are ready, the match begins",
  match_unknown: "there is no such match",
  ready_check_over: "the ready check is over",
  outcome_unfit: "a match of this mode can't end like that",
  already_reported: "another result was reported for this match",
};
