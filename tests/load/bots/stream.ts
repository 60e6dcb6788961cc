import type { ClientHttp2Stream } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromHttpStatus, endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import {
  ChatService,
  SubscribeMessagesRequestSchema,
  type SubscribeMessagesResponse,
  SubscribeMessagesResponseSchema,
} from "#gen/game/chat/v1/chat_service_pb.ts";
import type { Joined, Transfer, Update } from "#gen/game/world/v1/update_pb.ts";
import { PlayRequestSchema, PlayResponseSchema, WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import { createEnvelopeReader, endStream, envelop } from "#kit/envelope.ts";
import type { Action, Game } from "../../support/world-game.ts";
import { encodeStep } from "../world/speech.ts";
import { readUpdate } from "./reading.ts";

/*
 * Streams over Connect by hand: with hundreds of players in one process a client of objects costs more than the game.
 */

/** Opens a stream. @param hear is given each message. @param end: it is over, with an error or without. */
async function openStream(
  connection: Http2SessionManager,
  path: string,
  headers: Record<string, string>,
  hear: (message: Buffer) => void,
  end: (error: ConnectError | undefined) => void,
): Promise<ClientHttp2Stream> {
  const common = { "content-type": "application/connect+proto", "connect-protocol-version": "1" };
  const stream = await connection.request("POST", path, { ...common, ...headers }, {});
  const take = createEnvelopeReader((message, flags) => {
    if (flags !== endStream) return hear(message);
    const { error, metadata } = endStreamFromJson(message);
    if (error) for (const [name, value] of metadata) error.metadata.set(name, value);
    end(error);
  });
  stream.on("data", take);
  stream.on("response", ({ ":status": status }) => {
    if (status !== 200) end(new ConnectError(`HTTP ${status}`, codeFromHttpStatus(Number(status))));
  });
  stream.on("error", (error) => end(new ConnectError(error.message, Code.Unavailable)));
  stream.on("close", () => end(new ConnectError("the stream has broken", Code.Unavailable)));
  return stream;
}

/** Joins by Play, as `play` of world-game.ts does. */
export async function playByHand(
  connection: Http2SessionManager,
  headers: Record<string, string>,
  zoneId: string,
  resumeToken: string,
  seen: (update: Update) => void,
): Promise<Game> {
  const joined = Promise.withResolvers<Joined>();
  const ended = Promise.withResolvers<unknown>();
  const transfer = Promise.withResolvers<Transfer>();
  transfer.promise.catch(() => undefined);
  const end = (error: ConnectError | undefined) => {
    const why = error ?? new ConnectError("the stream has ended", Code.Unavailable);
    joined.reject(why);
    transfer.reject(why);
    ended.resolve(error);
  };
  const hear = (message: Buffer) => {
    const update = readUpdate(message);
    if (update) return seen(update);
    const { event } = fromBinary(PlayResponseSchema, message);
    if (event.case === "joined") joined.resolve(event.value);
    else if (event.case === "transfer") transfer.resolve(event.value);
  };
  const stream = await openStream(connection, `/${WorldService.typeName}/Play`, headers, hear, end);
  const send = (action: Action) => {
    if (stream.writable) stream.write(encode(action));
  };
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

function encode(action: Action): Buffer {
  const [step, ...more] = action.case === "moves" ? (action.value.steps ?? []) : [];
  if (!step || more.length > 0) return envelop(toBinary(PlayRequestSchema, create(PlayRequestSchema, { action })));
  return envelop(encodeStep(step.seq!, step.x!, step.y!));
}

/** Listens to a channel until `signal`, or until it fails. */
export async function listenByHand(
  connection: Http2SessionManager,
  headers: Record<string, string>,
  subscription: { channel: string; afterMessageId?: bigint },
  hear: (event: SubscribeMessagesResponse["event"]) => void,
  signal: AbortSignal,
): Promise<void> {
  const over = Promise.withResolvers<void>();
  const stream = await openStream(
    connection,
    `/${ChatService.typeName}/SubscribeMessages`,
    headers,
    (message) => hear(fromBinary(SubscribeMessagesResponseSchema, message).event),
    (error) => (error && !signal.aborted ? over.reject(error) : over.resolve()),
  );
  const request = create(SubscribeMessagesRequestSchema, { subscriptions: [subscription] });
  stream.end(envelop(toBinary(SubscribeMessagesRequestSchema, request)));
  const leave = () => {
    stream.close();
    over.resolve();
  };
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
  try {
    await over.promise;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
