import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "#gen/game/error/v1/error_info_pb.ts";

/**
 * Makes a service's own way to refuse: one stable reason, one Connect code.
 *
 * ```ts
 * const refuse = defineRefusals("auth", { username_taken: Code.AlreadyExists });
 * throw refuse("username_taken", "that username is taken");
 * ```
 *
 * The client gets the code, the message and an `ErrorInfo` detail with the reason and the domain. `cause` is for the log alone.
 */
export function defineRefusals<R extends string>(domain: string, codes: Record<R, Code>) {
  return (reason: R, message: string, options: { retryAfterS?: number; cause?: unknown } = {}): ConnectError => {
    const metadata: Record<string, string> =
      options.retryAfterS === undefined ? {} : { "retry-after": String(Math.ceil(options.retryAfterS)) };
    const detail = { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain }) };
    return new ConnectError(message, codes[reason], metadata, [detail], options.cause);
  };
}

/** Every process can refuse for these reasons. */
export const refuse = defineRefusals("platform", {
  no_identity: Code.Unauthenticated,
  around_sidecar: Code.Unauthenticated,
  session_ended: Code.Unauthenticated,
  dependency_away: Code.Unavailable,
  internal: Code.Internal,
});

/** What a client is told of any thrown value: our own refusals as they are, a missing engine as UNAVAILABLE, all else as INTERNAL. */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  if (thrown instanceof Error && thrown.name === "AbortError")
    return new ConnectError("the call was given up", Code.Canceled, undefined, undefined, thrown);
  if (isAway(thrown))
    return refuse("dependency_away", "what this call needs is away, try again", { retryAfterS: 1, cause: thrown });
  return refuse("internal", "internal error", { cause: thrown });
}

const awayCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EAI_AGAIN",
]);
const awayMessages =
  /connection terminated|timeout exceeded when trying to connect|connect(ion)? timeout|connection is closed|enableOfflineQueue|command timed out|query read timeout|max retries per request|client has encountered a connection error|not (yet )?ready/i;

/** Whether an error of pg, ioredis or the network means that the other side is away for now, so that trying later can help. */
export function isAway(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const code = (thrown as { code?: unknown }).code;
  // Postgres: 08 connection, 57P0x shutting down, 53 out of resources, 57014 statement timeout.
  if (typeof code === "string" && (awayCodes.has(code) || /^(08|53|57P0|57014)/.test(code))) return true;
  if (thrown instanceof AggregateError && thrown.errors.some(isAway)) return true;
  return awayMessages.test(thrown.message);
}
