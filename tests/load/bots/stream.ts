import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromHttpStatus, endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import type { Joined, Transfer, Update } from "#gen/game/world/v1/update_pb.ts";
import { PlayRequestSchema, PlayResponseSchema, WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import { envelop, envelopeHead } from "#kit/byte-streams.ts";
import type { Action, Game } from "../../support/world-game.ts";
import { encodeStep } from "../world/speech.ts";

const endStream = 2;

function encode(action: Action): Buffer {
  const [step, ...more] = action.case === "moves" ? (action.value.steps ?? []) : [];
  if (!step || more.length > 0) return envelop(toBinary(PlayRequestSchema, create(PlayRequestSchema, { action })));
  return envelop(encodeStep(step.seq!, step.x!, step.y!));
}

/** Joins by Play over Connect as `play` of world-game.ts does, by hand: with hundreds of players in one process a client of objects costs more than the game. */
export async function playByHand(
  connection: Http2SessionManager,
  headers: Record<string, string>,
  zoneId: string,
  resumeToken: string,
  seen: (update: Update) => void,
): Promise<Game> {
  const stream = await connection.request(
    "POST",
    `/${WorldService.typeName}/Play`,
    { "content-type": "application/connect+proto", "connect-protocol-version": "1", ...headers },
    {},
  );
  const joined = Promise.withResolvers<Joined>();
  const ended = Promise.withResolvers<unknown>();
  const transfer = Promise.withResolvers<Transfer>();
  transfer.promise.catch(() => undefined);
  const end = (error: unknown) => {
    const why = error ?? new ConnectError("the stream has ended", Code.Unavailable);
    joined.reject(why);
    transfer.reject(why);
    ended.resolve(error);
  };
  const send = (action: Action) => {
    if (stream.writable) stream.write(encode(action));
  };

  function hear(message: Buffer): void {
    const { event } = fromBinary(PlayResponseSchema, message);
    if (event.case === "update") seen(event.value);
    else if (event.case === "joined") joined.resolve(event.value);
    else if (event.case === "transfer") transfer.resolve(event.value);
  }

  let rest: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    while (data.length >= envelopeHead) {
      const size = envelopeHead + data.readUInt32BE(1);
      if (data.length < size) break;
      const message = data.subarray(envelopeHead, size);
      if (data[0] === endStream) {
        const { error, metadata } = endStreamFromJson(message);
        if (error) for (const [name, value] of metadata) error.metadata.set(name, value);
        end(error);
      } else hear(message);
      data = data.subarray(size);
    }
    rest = data;
  });
  stream.on("response", ({ ":status": status }) => {
    if (status !== 200) end(new ConnectError(`HTTP ${status}`, codeFromHttpStatus(Number(status))));
  });
  stream.on("error", (error) => end(new ConnectError(error.message, Code.Unavailable)));
  stream.on("close", () => end(new ConnectError("the stream has broken", Code.Unavailable)));
  send({ case: "join", value: { zoneId, resumeToken } });
  return {
    joined: await joined.promise,
    send,
    update: () => Promise.reject(new Error("updates go to `seen`")),
    transfer: () => transfer.promise,
    ended: ended.promise,
    close: () => stream.close(),
  };
}
