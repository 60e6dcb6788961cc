import { Code } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";

/** Why this service says no. */
export const refuse = defineRefusals("account", {
  user_unknown: Code.NotFound,
  user_deleted: Code.FailedPrecondition,
  profile_not_yours: Code.PermissionDenied,
  profile_changed: Code.Aborted,
  profile_invalid: Code.InvalidArgument,
  page_token_invalid: Code.InvalidArgument,
  to_oneself: Code.InvalidArgument,
  not_enough_gold: Code.FailedPrecondition,
  wallet_full: Code.FailedPrecondition,
});
