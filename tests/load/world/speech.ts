import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { PlayRequestSchema, PlayResponseSchema } from "#gen/game/world/v1/world_service_pb.ts";
import { ByteWriter } from "../../../services/world/byte-writer.ts";

/** What a player of the measurement says to one kind of server, and understands of it. */
export interface Speech {
  /** What it says first, when it is the one who begins. */
  readonly hello: Uint8Array | undefined;
  /** Hears what comes until it is in: gives where that is, or undefined. `say` answers. */
  enter(message: Buffer, say: (message: Uint8Array) => void): Place | undefined;
  /** A step; the bytes are good until the next. */
  step(seq: number, x: number, y: number): Uint8Array;
  /** Looks into an update: the number of the last step that it shows. */
  look(message: Buffer): { acked: number; putBack?: Place | undefined };
}

export interface Place {
  x: number;
  y: number;
}

export const kinds = ["world", "colyseus", "ws"] as const;
export type Kind = (typeof kinds)[number];

/** Written anew for each step; all players share it. */
const bytes = new ByteWriter();
/** A PlayRequest with one step; the bytes are good until the next. */
export function encodeStep(seq: number, x: number, y: number): Uint8Array {
  bytes.clear();
  const moves = bytes.begin(2);
  const step = bytes.begin(1);
  bytes.uint32(1, seq);
  bytes.sint32(2, x);
  bytes.sint32(3, y);
  bytes.end(step);
  bytes.end(moves);
  return bytes.written;
}

/** WorldService.Play. */
export function speakWorld(zoneId: string): Speech {
  const join = create(PlayRequestSchema, { action: { case: "join", value: { zoneId } } });
  return {
    hello: toBinary(PlayRequestSchema, join),
    enter(message) {
      const { event } = fromBinary(PlayResponseSchema, message);
      return event.case === "joined" ? { x: event.value.x, y: event.value.y } : undefined;
    },
    step: encodeStep,
    look(message) {
      const { event } = fromBinary(PlayResponseSchema, message);
      if (event.case !== "update") return { acked: 0 };
      return { acked: event.value.ackedSeq, putBack: event.value.correction };
    },
  };
}

/** tests/load/world/baselines/ws.js. */
export function speakPlain(): Speech {
  const step = Buffer.alloc(12);
  return {
    hello: undefined,
    enter: (message) => ({ x: message.readUInt32LE(4), y: message.readUInt32LE(8) }),
    step(seq, x, y) {
      step.writeUInt32LE(seq, 0);
      step.writeUInt32LE(x, 4);
      step.writeUInt32LE(y, 8);
      return step;
    },
    look: (message) => ({ acked: message.readUInt32LE(4) }),
  };
}

/** As much of @colyseus/schema as it takes. */
interface Colyseus {
  Reflection: {
    decode(bytes: Uint8Array): { decode(bytes: Uint8Array, at: { offset: number }): void; state: ZoneState };
  };
  decode: { number(bytes: Uint8Array, at: { offset: number }): number };
}
interface ZoneState {
  players?: { get(sessionId: string): Place | undefined };
}

const [joinRoom, roomData, roomState, roomStatePatch] = [10, 13, 14, 15];

/** What Colyseus's own client says and understands; only who is looked at closely decodes what comes. */
export async function loadColyseus(): Promise<(sessionId: () => string, decodes: boolean) => Speech> {
  const main = join(import.meta.dirname, "baselines/node_modules/@colyseus/schema/build/index.mjs");
  const { Reflection, decode }: Colyseus = await import(main);

  return (sessionId, decodes) => {
    let decoder: ReturnType<Colyseus["Reflection"]["decode"]> | undefined;
    /** The numbers of the steps that led to places. */
    const steps = new Map<number, number>();
    const keyOf = ({ x, y }: Place) => x * 2 ** 24 + y;
    let id = "";
    const own = () => decoder?.state.players?.get(id);
    const apply = (message: Buffer) => decoder?.decode(message, { offset: 1 });

    return {
      hello: undefined,
      enter(message, say) {
        if (message[0] === joinRoom) {
          id = sessionId();
          const at = { offset: 1 };
          at.offset += 1 + message[at.offset]!;
          at.offset += 1 + message[at.offset]!;
          const size = decode.number(message, at);
          decoder = Reflection.decode(message.subarray(at.offset, at.offset + size));
          say(Buffer.from([joinRoom]));
        } else if (message[0] === roomState || message[0] === roomStatePatch) apply(message);
        const place = own();
        if (place && !decodes) decoder = undefined;
        return place && { x: place.x, y: place.y };
      },
      step(seq, x, y) {
        if (decodes) steps.set(keyOf({ x, y }), seq);
        bytes.clear();
        bytes.bytes(moveHead);
        packNumber(x);
        bytes.bytes(moveY);
        packNumber(y);
        return bytes.written;
      },
      look(message) {
        apply(message);
        const place = own();
        const acked = place && steps.get(keyOf(place));
        if (acked !== undefined) for (const [key, seq] of steps) if (seq <= acked) steps.delete(key);
        return { acked: acked ?? 0 };
      },
    };
  };
}

/** The type `move` as @colyseus/schema writes a text, then MessagePack: a map of two, with the keys `x` and `y`. */
const moveHead = Buffer.from([roomData, 0xa4, ...Buffer.from("move"), 0x82, 0xa1, 0x78]);
const moveY = Buffer.from([0xa1, 0x79]);

/** A number of MessagePack, as short as msgpackr makes it. */
function packNumber(value: number): void {
  if (value < 0x80) bytes.bytes(Buffer.from([value]));
  else if (value < 0x1_0000) bytes.bytes(Buffer.from([0xcd, value >> 8, value & 255]));
  else bytes.bytes(Buffer.from([0xce, value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]));
}
