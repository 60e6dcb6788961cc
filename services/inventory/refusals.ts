import { Code } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";

/** Why this service says no. */
export const refuse = defineRefusals("inventory", {
  item_unknown: Code.NotFound,
  not_for_sale: Code.FailedPrecondition,
  user_deleted: Code.FailedPrecondition,
  bag_full: Code.FailedPrecondition,
  item_spent: Code.FailedPrecondition,
  not_enough_items: Code.FailedPrecondition,
  not_reserved: Code.FailedPrecondition,
  item_twice: Code.InvalidArgument,
  to_oneself: Code.InvalidArgument,
  purchase_unknown: Code.NotFound,
  request_differs: Code.FailedPrecondition,
});
