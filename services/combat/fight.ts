import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type Span, trace } from "@opentelemetry/api";
import {
  type CombatService,
  type FightRequest,
  FightResponseSchema,
  WatchCombatResponseSchema,
} from "#gen/game/combat/v1/combat_service_pb.ts";
import { refuse as refuseAnyway, toConnectError } from "#kit/errors.ts";
import { type Caller, callerOf, tokenExpiry } from "#kit/identity.ts";
import { pause } from "#kit/pause.ts";
import { createAllowance } from "./allowance.ts";
import type { Arena } from "./arena.ts";
import { type Batch, createListener, type Listener } from "./listener.ts";
import * as metrics from "./metrics.ts";
import type { CombatParts } from "./parts.ts";
import { refuse, refuseCast } from "./refusals.ts";
import { toCombatant, toResult } from "./view.ts";
import { arenaOf } from "./whereabouts.ts";

/** Who has just come into the world is waited for so long, in milliseconds. */
const arrivalMs = 3_000;
/** Casts beyond what a player may cast are refused; who goes on like this is sent away. */
const floodRate = { perSecond: 10, burst: 200 };
/** Answers that a client may leave unread. */
const maxUnread = 256;
/** One cast in so many becomes an event on the stream's span. */
const sampled = 50;

/** Answers for Fight and WatchCombat. */
export function createStreams(parts: CombatParts): Pick<ServiceImpl<typeof CombatService>, "fight" | "watchCombat"> {
  const { casters } = parts;

  /** Answers casts until the client ends its side. */
  async function answerCasts(
    arena: Arena,
    listener: Listener,
    requests: AsyncIterable<FightRequest>,
    span: Span | undefined,
  ) {
    const patience = createAllowance(floodRate);
    let count = 0;
    for await (const { casts } of requests)
      for (const cast of casts) {
        const answer = casters.cast(arena, listener.userId, cast);
        if (answer.refused === "cast_flood" && !patience.take(performance.now())) throw refuseCast("cast_flood", 0);
        if (listener.unread >= maxUnread) throw refuse("reader_too_slow", "answers are not read");
        if (count++ % sampled === 0)
          span?.addEvent("cast", { "game.combat.casts": count, "game.combat.skill": cast.skillId });
        listener.answer(toResult(cast.sequence, answer));
      }
  }

  return {
    async *fight(requests, context) {
      const span = trace.getActiveSpan();
      const stream = await openStream(parts, context);
      try {
        yield create(FightResponseSchema, { opened: { combatant: stream.self() } });
        answerCasts(stream.arena, stream.listener, requests, span).catch(stream.fail);
        for (;;) yield create(FightResponseSchema, await stream.next());
      } finally {
        stream.close();
      }
    },

    async *watchCombat(_request, context) {
      const stream = await openStream(parts, context);
      try {
        yield create(WatchCombatResponseSchema, { opened: { combatant: stream.self() } });
        for (;;) {
          const { effects, missedEffects } = await stream.next();
          yield create(WatchCombatResponseSchema, { effects, missedEffects });
        }
      } finally {
        stream.close();
      }
    },
  };
}

/** A stream to a client: it ends when its caller may not listen any more. */
async function openStream(parts: CombatParts, context: HandlerContext) {
  const { casters, sessions, clock, heartbeatMs } = parts;
  const caller: Caller = callerOf(context.requestHeader);
  const expiry = tokenExpiry(context.requestHeader);
  const arena = await arenaOf(parts, context.requestHeader, caller.userId);
  await arrival(arena, caller.userId, context.signal);
  const listener = createListener(caller.userId);
  let failure: unknown;
  arena.audience.listeners.add(listener);
  metrics.streams.add(1);
  let open = true;
  // A client that has gone while a message waits for it never lets its handler go on: what ends with it can't wait for that.
  const close = () => {
    if (!open) return;
    open = false;
    arena.audience.listeners.delete(listener);
    metrics.streams.add(-1);
    context.signal.removeEventListener("abort", close);
    listener.wake();
  };
  context.signal.addEventListener("abort", close);

  function requireOpen(): void {
    if (failure !== undefined) throw failure;
    if (context.signal.aborted) throw toConnectError(context.signal.reason);
    if (clock() >= expiry) throw refuse("token_expired", "the token has expired, log in again");
    if (sessions.isEnded(caller.sessionId)) throw refuseAnyway("session_ended", "the session has ended, log in again");
  }

  return {
    arena,
    listener,
    close,
    fail(error: unknown) {
      failure = error;
      listener.wake();
    },
    self: () =>
      toCombatant(arena.zone, arena.zoneId, arena.zone.combatants.get(caller.userId)!, {
        lastSequence: casters.lastSequence(caller.userId),
      }),
    /** What has come since; nothing when nothing came for a while. */
    async next() {
      requireOpen();
      const untilExpiry = Math.max(Math.min(heartbeatMs, expiry - clock()), 1);
      const batch: Batch | undefined = await listener.next(untilExpiry);
      requireOpen();
      if (!batch && arena.here && !arena.zone.combatants.has(caller.userId)) throw refuseCast("not_in_zone", 0);
      return { effects: batch?.effects ?? [], results: batch?.results ?? [], missedEffects: batch?.missed ?? 0 };
    },
  };
}

/** Waits until the world has told of who has just come in. @throws ConnectError FAILED_PRECONDITION `not_in_zone`, ABORTED `zone_away`. */
async function arrival(arena: Arena, userId: string, signal: AbortSignal): Promise<void> {
  for (const deadline = performance.now() + arrivalMs; !arena.zone.combatants.has(userId); await pause(50, signal)) {
    if (signal.aborted) throw toConnectError(signal.reason);
    if (performance.now() < deadline) continue;
    if (!arena.here) throw refuse("zone_away", "the world does not say who is where, try again", { retryAfterS: 1 });
    throw refuseCast("not_in_zone", 0);
  }
}
