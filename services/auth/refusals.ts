import { Code } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";

/** Why this service says no. */
export const refuse = defineRefusals("auth", {
  username_taken: Code.AlreadyExists,
  credentials_wrong: Code.Unauthenticated,
  too_many_logins: Code.ResourceExhausted,
  refresh_token_invalid: Code.Unauthenticated,
  refresh_token_reused: Code.Unauthenticated,
  session_ended: Code.Unauthenticated,
  session_unknown: Code.NotFound,
  user_unknown: Code.NotFound,
  user_reserved: Code.FailedPrecondition,
  signing_key_away: Code.Unavailable,
  oidc_not_configured: Code.FailedPrecondition,
  oidc_provider_away: Code.Unavailable,
  oidc_state_invalid: Code.Unauthenticated,
  oidc_code_invalid: Code.Unauthenticated,
});
