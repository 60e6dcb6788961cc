import { timingSafeEqual } from "node:crypto";
import type { ConnectError, Interceptor, StreamResponse } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";
import { type Context, context } from "@opentelemetry/api";
import type { EndedSessions } from "./ended-sessions.ts";
import { refuse, toConnectError } from "./errors.ts";
import type { Log } from "./log.ts";
import { nameOf, noteCallEnd } from "./rpc-tracing.ts";

/** Makes a ConnectError of whatever a call has thrown, notes it on the call's span and logs it once: the cause stays in the log. */
export function reportFailure(log: Log, thrown: unknown, method: string, active: Context): ConnectError {
  const error = toConnectError(thrown);
  noteCallEnd(active, error);
  const severe = error.code === Code.Internal || error.code === Code.Unknown || error.code === Code.DataLoss;
  const level = severe ? "error" : error.code === Code.Unavailable ? "warn" : "info";
  log[level]({ method, code: nameOf(error.code), reason: error.rawMessage, err: error.cause }, "call refused");
  return error;
}

/** Turns whatever a handler throws into a ConnectError, see {@link reportFailure}. */
export function reportErrors(log: Log): Interceptor {
  const report = (thrown: unknown, method: string) => reportFailure(log, thrown, method, context.active());
  return (next) => async (request) => {
    const method = `${request.service.typeName}/${request.method.name}`;
    try {
      const response = await next(request);
      if (!response.stream) {
        noteCallEnd(context.active(), undefined);
        return response;
      }
      return { ...response, message: reportStream(response.message, (thrown) => report(thrown, method)) };
    } catch (thrown) {
      throw report(thrown, method);
    }
  };
}

/** A stream's handler runs, and fails, while its messages are read. */
async function* reportStream(messages: StreamResponse["message"], report: (thrown: unknown) => ConnectError) {
  try {
    yield* messages;
    noteCallEnd(context.active(), undefined);
  } catch (thrown) {
    throw report(thrown);
  }
}

/** Refuses calls that did not come through the sidecar: it adds `x-sidecar-token` to each, which only it and the process know. */
export function requireSidecar(check: SidecarCheck): Interceptor {
  return (next) => (request) => {
    check(request.header);
    return next(request);
  };
}

/** @throws ConnectError UNAUTHENTICATED when a call has not come through the sidecar. */
export type SidecarCheck = (header: Headers) => void;

/** @param token what the sidecar adds; without one the network alone keeps others out, and every call passes. */
export function createSidecarCheck(token: string | undefined): SidecarCheck {
  if (!token) return () => undefined;
  const expected = Buffer.from(token);
  return (header) => {
    const given = Buffer.from(header.get("x-sidecar-token") ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw refuse("around_sidecar", "this service is called through its sidecar only");
  };
}

/** Refuses the tokens of sessions that have ended. */
export function refuseEndedSessions({ isEnded }: Pick<EndedSessions, "isEnded">): Interceptor {
  return (next) => async (request) => {
    const sessionId = request.header.get("x-session-id");
    if (sessionId && isEnded(sessionId)) throw refuse("session_ended", "the session has ended, log in again");
    return next(request);
  };
}
