import { type Span, trace } from "@opentelemetry/api";
import { type PlayRequest, PlayRequestSchema } from "#gen/game/world/v1/world_service_pb.ts";
import { type ByteStream, type ByteStreamHandler, createMessageReader } from "#kit/byte-streams.ts";
import { act } from "./actions.ts";
import type { Outlet } from "./outlet.ts";
import type { Presence, Presences } from "./presence.ts";
import { refuse } from "./refusals.ts";
import { createStepReader, stepSize } from "./step-bytes.ts";

/** The limit of Moves.steps in the schema. Steps have no other rule, so they need no validator: a test holds this to the schema. */
const maxSteps = 32;
/** How long a client may take for its first message. */
const firstMessageMs = 10_000;
/** Updates between two notes on a stream's span, and how many there are at most. */
const noteEvery = 200;
const maxNotes = 30;

/** Answers Play where its messages are binary, without the detour over objects: the same rules as play.ts, many more players a core. */
export function createPlayBytes(presences: Presences): ByteStreamHandler {
  const decode = createMessageReader(PlayRequestSchema);
  const reader = createStepReader(maxSteps);

  return (stream) => {
    const outlet = createByteOutlet(stream, trace.getActiveSpan());
    let presence: Presence | undefined;
    let closed = false;
    const late = setTimeout(
      () => stream.end(refuse("join_expected", "the first message joins a zone")),
      firstMessageMs,
    );

    async function join(request: PlayRequest): Promise<void> {
      clearTimeout(late);
      if (request.action.case !== "join") throw refuse("join_expected", "the first message joins a zone");
      // What comes meanwhile waits in the network.
      stream.pause();
      presence = await presences.join(stream.header, request.action.value, outlet);
      if (closed) presence.host.disconnect(presence.session, outlet);
      trace.getActiveSpan()?.setAttributes({
        "game.world.zone": presence.host.zone.map.id,
        "game.world.entity_id": presence.session.player.entity.id,
      });
      for (const early of waiting.splice(0)) take(early);
      stream.resume();
    }

    /** What came in the same piece as the join. */
    const waiting: PlayRequest[] = [];
    let joining = false;

    function take(request: PlayRequest): void {
      if (!joining) {
        joining = true;
        join(request).catch(stream.end);
      } else if (!presence) waiting.push(request);
      else act(presences, presence, request).catch(stream.end);
    }

    /** Steps of a player who is in. @returns whether it was that. */
    function takeSteps({ host, session }: Presence, bytes: Uint8Array): boolean {
      const end = stepSize * reader.read(bytes);
      const { steps } = reader;
      for (let i = 0; i < end && !session.leaving; i += stepSize)
        host.step(session, steps[i]! >>> 0, steps[i + 1]!, steps[i + 2]!);
      return end > 0;
    }

    return {
      message(bytes) {
        if (!presence || !takeSteps(presence, bytes)) take(decode(bytes));
      },
      closed() {
        closed = true;
        clearTimeout(late);
        if (presence) presence.host.disconnect(presence.session, outlet);
      },
    };
  };
}

function createByteOutlet(stream: ByteStream, span: Span | undefined): Outlet {
  let sent = 0;
  return {
    get ready() {
      return stream.ready;
    },
    push(envelope) {
      stream.send(envelope);
      if (++sent % noteEvery === 0 && sent <= noteEvery * maxNotes)
        span?.addEvent("game.world.update", { "game.world.updates": sent, "game.world.update_bytes": envelope.length });
    },
    end: stream.end,
  };
}
