import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { trace } from "@opentelemetry/api";
import { type MatchService, WatchQueueResponseSchema } from "#gen/game/match/v1/match_service_pb.ts";
import { createBell } from "#kit/bell.ts";
import { isAway, refuse as refuseAnyway, toConnectError } from "#kit/errors.ts";
import { callerOf, tokenExpiry } from "#kit/identity.ts";
import type { MatchParts } from "./parts.ts";
import { refuse } from "./refusals.ts";
import type { Standing } from "./ticket.ts";
import { toQueueState } from "./view.ts";

/** Answers for WatchQueue: it reads a standing whenever there is news of it, and now and then by itself, and sends what has changed. */
export function createWatch(parts: MatchParts): ServiceImpl<typeof MatchService>["watchQueue"] {
  const { queues, news, sessions, clock } = parts;
  const { checkMs, heartbeatSeconds } = parts.limits;

  function requireSession(sessionId: string, expiry: number): void {
    if (clock().getTime() >= expiry) throw refuse("token_expired", "the token has expired, log in again");
    if (sessions.isEnded(sessionId)) throw refuseAnyway("session_ended", "the session has ended, log in again");
  }

  /** Undefined while Redis is away, once there was a standing: the stream goes on when it is back. */
  async function read(userId: string, before: string | undefined): Promise<Standing | undefined> {
    try {
      return await queues.standingOf(userId);
    } catch (error) {
      if (before === undefined || !isAway(error)) throw error;
      return undefined;
    }
  }

  return async function* watchQueue(_request, { requestHeader, signal }) {
    const { userId, sessionId } = callerOf(requestHeader);
    const expiry = tokenExpiry(requestHeader);
    const span = trace.getActiveSpan();
    const bell = createBell();
    const unfollow = news.follow(userId, bell.ring);
    // A client that has gone while a message waits for it never lets this function go on: what ends with it can't wait in `finally`.
    const close = () => {
      unfollow();
      bell.ring();
    };
    signal.addEventListener("abort", close);
    try {
      let sent: string | undefined;
      let sendTime = performance.now();
      for (;;) {
        requireSession(sessionId, expiry);
        const standing = await read(userId, sent);
        if (signal.aborted) throw toConnectError(signal.reason);
        const content = standing && contentOf(standing);
        if (content !== undefined && content !== sent) {
          sent = content;
          sendTime = performance.now();
          span?.addEvent("queue state", { "game.queue.status": standing!.status });
          yield create(WatchQueueResponseSchema, { event: { case: "state", value: toQueueState(standing!) } });
        } else if (performance.now() - sendTime >= 1_000 * heartbeatSeconds) {
          sendTime = performance.now();
          yield create(WatchQueueResponseSchema, { event: { case: "heartbeat", value: {} } });
        }
        if (signal.aborted) throw toConnectError(signal.reason);
        await bell.wait(checkMs);
      }
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  };
}

/** What makes two standings differ: all but the estimate, which changes with every match of anybody. */
function contentOf(standing: Standing): string {
  return JSON.stringify("estimatedWaitMs" in standing ? { ...standing, estimatedWaitMs: undefined } : standing);
}
