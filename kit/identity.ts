import { refuse } from "./errors.ts";

/** Who makes a call, as the edge has verified it. */
export interface Caller {
  userId: string;
  username: string;
  sessionId: string;
}

/**
 * The caller, from the headers that the edge sets from a verified token (and removes when a client sends them).
 *
 * @throws ConnectError UNAUTHENTICATED when there is none.
 */
export function callerOf(header: Headers): Caller {
  const userId = header.get("x-user-id");
  if (!userId) throw refuse("no_identity", "a token is needed");
  return { userId, username: header.get("x-user-name") ?? "", sessionId: header.get("x-session-id") ?? "" };
}

/** The address that the client called from: the last one that the edge added. */
export function clientAddress(header: Headers): string {
  return header.get("x-forwarded-for")?.split(",").at(-1)?.trim() ?? "";
}

/** When the caller's token expires, in milliseconds of the epoch, as the edge says it. Never, for a call between services. */
export function tokenExpiry(header: Headers): number {
  const seconds = Number(header.get("x-session-expires") ?? Number.NaN);
  return Number.isFinite(seconds) ? 1_000 * seconds : Number.POSITIVE_INFINITY;
}
