import { timingSafeEqual } from "node:crypto";
import type { ConnectError, Interceptor, StreamResponse } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";
import { context } from "@opentelemetry/api";
import { refuse, toConnectError } from "./errors.ts";
import type { Log } from "./log.ts";
import { nameOf, noteCallEnd } from "./rpc-tracing.ts";

/** Turns whatever a handler throws into a ConnectError, and logs it once: the cause stays in the log. */
export function reportErrors(log: Log): Interceptor {
  const report = (thrown: unknown, method: string): ConnectError => {
    const error = toConnectError(thrown);
    noteCallEnd(context.active(), error);
    const severe = error.code === Code.Internal || error.code === Code.Unknown || error.code === Code.DataLoss;
    const level = severe ? "error" : error.code === Code.Unavailable ? "warn" : "info";
    log[level]({ method, code: nameOf(error.code), reason: error.rawMessage, err: error.cause }, "call refused");
    return error;
  };
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

/**
 * Refuses calls that did not come through the sidecar: it adds `x-sidecar-token` to each, which only it and the process know.
 *
 * @throws ConnectError UNAUTHENTICATED.
 */
export function requireSidecar(token: string): Interceptor {
  const expected = Buffer.from(token);
  return (next) => (request) => {
    const given = Buffer.from(request.header.get("x-sidecar-token") ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw refuse("around_sidecar", "this service is called through its sidecar only");
    return next(request);
  };
}

/** Refuses the tokens of sessions that have ended. `isEnded` failing lets the call pass: a token is short-lived anyway. */
export function refuseEndedSessions(isEnded: (sessionId: string) => Promise<boolean>, log: Log): Interceptor {
  return (next) => async (request) => {
    const sessionId = request.header.get("x-session-id");
    if (sessionId) {
      const ended = await isEnded(sessionId).catch((error: Error) => {
        log.debug({ err: error.message }, "ended sessions can't be looked up");
        return false;
      });
      if (ended) throw refuse("session_ended", "the session has ended, log in again");
    }
    return next(request);
  };
}
