import { Code } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";

/** Why this service says no. */
export const refuse = defineRefusals("analytics", {
  page_token_invalid: Code.InvalidArgument,
  purchase_logged: Code.AlreadyExists,
});
