import { Code } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";

/** Why this service says no. */
export const refuse = defineRefusals("chat", {
  text_invalid: Code.InvalidArgument,
  page_token_invalid: Code.InvalidArgument,
  subscribed_twice: Code.InvalidArgument,
  to_oneself: Code.InvalidArgument,
  cursor_ahead: Code.OutOfRange,
  not_a_member: Code.PermissionDenied,
  player_unknown: Code.NotFound,
  invite_unknown: Code.NotFound,
  invite_expired: Code.FailedPrecondition,
  invite_answered: Code.FailedPrecondition,
  party_full: Code.FailedPrecondition,
  already_member: Code.FailedPrecondition,
  spam_flood: Code.ResourceExhausted,
  spam_repeat: Code.ResourceExhausted,
  spam_links: Code.ResourceExhausted,
  spam_blocked_host: Code.ResourceExhausted,
});
