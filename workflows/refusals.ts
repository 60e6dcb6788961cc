import { Code, ConnectError } from "@connectrpc/connect";
import { ApplicationFailure } from "@temporalio/common";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";

/** The codes by which a service says no for a reason of its own, so that asking again would change nothing. */
const refusals = new Set([
  Code.FailedPrecondition,
  Code.NotFound,
  Code.InvalidArgument,
  Code.PermissionDenied,
  Code.ResourceExhausted,
  Code.AlreadyExists,
  Code.OutOfRange,
]);

/**
 * The answer of a call, for a workflow.
 *
 * A service's refusal becomes a failure that is not retried, its type the reason (`not_enough_gold`). Everything else is trouble and is
 * retried: the same codes from the mesh, which gives no reason, too.
 */
export async function refusedOrTrouble<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const [info] = error.findDetails(ErrorInfoSchema);
    if (info && refusals.has(error.code)) throw ApplicationFailure.nonRetryable(error.rawMessage, info.reason);
    throw ApplicationFailure.retryable(error.rawMessage, Code[error.code]);
  }
}
