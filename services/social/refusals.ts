import { Code } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";

/** Why this service says no. */
export const refuse = defineRefusals("social", {
  player_unknown: Code.NotFound,
  trade_with_oneself: Code.InvalidArgument,
  trade_of_nothing: Code.InvalidArgument,
  item_twice: Code.InvalidArgument,
  page_token_invalid: Code.InvalidArgument,
  request_differs: Code.FailedPrecondition,
  trade_unknown: Code.NotFound,
  not_yours_to_accept: Code.PermissionDenied,
  trade_opening: Code.FailedPrecondition,
  trade_answered: Code.FailedPrecondition,
  trade_expired: Code.FailedPrecondition,
});
