import { fromBinary } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type Span, trace } from "@opentelemetry/api";
import {
  type Join,
  type PlayRequest,
  type PlayResponse,
  PlayResponseSchema,
  type WatchResponse,
  WatchResponseSchema,
  type WorldService,
} from "#gen/game/world/v1/world_service_pb.ts";
import { act } from "./actions.ts";
import { createOutlet, type OutletReader } from "./outlet.ts";
import type { Presence, Presences } from "./presence.ts";
import { refuse } from "./refusals.ts";

/** How long a client may take for its first message. */
const firstMessageMs = 10_000;
/** Between two notes on a stream's span of what went over it. */
const noteMs = 10_000;
const notes = 30;

/** Answers for Play and Watch: a player's stream. */
export function createStreams(presences: Presences): Pick<ServiceImpl<typeof WorldService>, "play" | "watch"> {
  /** Joins, then hands on what the outlet is given, until either side ends. */
  async function* stream<T>(
    join: Join,
    context: HandlerContext,
    decode: (message: Uint8Array) => T,
    begin: (presence: Presence) => void,
  ): AsyncGenerator<T> {
    const outlet = createOutlet();
    const presence = await presences.join(context.requestHeader, join, outlet);
    const { host, session } = presence;
    const close = () => {
      host.disconnect(session, outlet);
      outlet.end();
    };
    // A client that has gone while an update waits for it never lets this function go on: what ends with it can't wait in `finally`.
    context.signal.addEventListener("abort", close);
    if (context.signal.aborted) close();
    const span = trace.getActiveSpan();
    span?.setAttributes({ "game.world.zone": host.zone.map.id, "game.world.entity_id": session.player.entity.id });
    try {
      begin(presence);
      yield* drain(outlet, decode, span, () => session.seq);
    } finally {
      context.signal.removeEventListener("abort", close);
      close();
    }
  }

  return {
    async *play(requests, context) {
      const actions = requests[Symbol.asyncIterator]();
      const first = await firstOf(actions);
      if (first?.action.case !== "join") throw refuse("join_expected", "the first message joins a zone");
      yield* stream(first.action.value, context, decoder(context, PlayResponseSchema), (presence) => {
        const { session } = presence;
        const { outlet } = session;
        void (async () => {
          for (let next = await actions.next(); !next.done; next = await actions.next())
            await act(presences, presence, next.value);
        })().catch((error) => {
          // The client's own end is no fault; anything else ends the stream and is told.
          if (!context.signal.aborted) outlet?.end(error);
        });
      });
    },
    async *watch({ join }, context) {
      yield* stream(join!, context, decoder(context, WatchResponseSchema), () => undefined);
    },
  };
}

async function firstOf(actions: AsyncIterator<PlayRequest>): Promise<PlayRequest | undefined> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(refuse("join_expected", "the first message joins a zone")),
    firstMessageMs,
  );
  try {
    const { value, done } = await Promise.race([actions.next(), late.promise]);
    return done ? undefined : value;
  } finally {
    clearTimeout(timer);
  }
}

async function* drain<T>(
  outlet: OutletReader,
  decode: (message: Uint8Array) => T,
  span: Span | undefined,
  seq: () => number,
) {
  let noted = performance.now();
  let left = notes;
  for (let message = await outlet.take(); message; message = await outlet.take()) {
    yield decode(message);
    if (left > 0 && performance.now() - noted > noteMs) {
      noted = performance.now();
      left--;
      span?.addEvent("game.world.update", {
        "game.world.update_seq": seq(),
        "game.world.update_bytes": message.length,
      });
    }
  }
}

/**
 * Messages are encoded already. For a client that takes them so, they travel in the message as a field that needs no more work; one
 * that wants JSON needs them decoded.
 */
function decoder(
  { requestHeader }: HandlerContext,
  schema: typeof PlayResponseSchema,
): (message: Uint8Array) => PlayResponse;
function decoder(
  { requestHeader }: HandlerContext,
  schema: typeof WatchResponseSchema,
): (message: Uint8Array) => WatchResponse;
function decoder({ requestHeader }: HandlerContext, schema: typeof PlayResponseSchema | typeof WatchResponseSchema) {
  if (requestHeader.get("content-type")?.includes("json")) return (message: Uint8Array) => fromBinary(schema, message);
  return (message: Uint8Array) => ({
    $typeName: schema.typeName,
    event: { case: undefined },
    // One field with a length: its tag is the first byte.
    $unknown: [{ no: message[0]! >> 3, wireType: 2, data: message.subarray(1) }],
  });
}
