import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { Joined, Transfer, Update } from "#gen/game/world/v1/update_pb.ts";
import {
  type PlayRequest,
  PlayRequestSchema,
  type PlayResponse,
  type WorldService,
} from "#gen/game/world/v1/world_service_pb.ts";

export type Action = NonNullable<MessageInitShape<typeof PlayRequestSchema>["action"]>;

/** A stream, as a test plays it. */
export interface Game {
  joined: Joined;
  send(action: Action): void;
  /** The next update that fits; those before it are handed to `seen`. */
  update(fits?: (update: Update) => boolean): Promise<Update>;
  transfer(): Promise<Transfer>;
  /** What the stream ends with: an error, or undefined. */
  ended: Promise<unknown>;
  /** No more requests. */
  close(): void;
}

/** Joins by Play. `seen` is told of every update. */
export async function play(
  client: Pick<Client<typeof WorldService>, "play">,
  zoneId: string,
  resumeToken = "",
  seen: (update: Update) => void = () => undefined,
): Promise<Game> {
  const ending = new AbortController();
  const waiting: PlayRequest[] = [];
  let wake = () => {};
  const send = (action: Action) => {
    waiting.push(create(PlayRequestSchema, { action }));
    wake();
  };
  async function* requests() {
    for (;;) {
      for (let next = waiting.shift(); next; next = waiting.shift()) yield next;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  send({ case: "join", value: { zoneId, resumeToken } });
  const events = client.play(requests(), { signal: ending.signal })[Symbol.asyncIterator]();
  const first = await events.next();
  if (first.done || first.value.event.case !== "joined") throw new Error("the stream does not begin with joined");
  const joined = first.value.event.value;
  const ended = Promise.withResolvers<unknown>();
  const heard: PlayResponse["event"][] = [];
  let ring = Promise.withResolvers<void>();
  void (async () => {
    try {
      for (let next = await events.next(); !next.done; next = await events.next()) {
        const { event } = next.value;
        if (event.case === "update") seen(event.value);
        heard.push(event);
        ring.resolve();
      }
      ended.resolve(undefined);
    } catch (error) {
      ended.resolve(error);
    }
    ring.resolve();
  })();
  async function hear<T>(choose: (event: PlayResponse["event"]) => T | undefined): Promise<T> {
    for (;;) {
      for (let event = heard.shift(); event; event = heard.shift()) {
        const chosen = choose(event);
        if (chosen !== undefined) return chosen;
      }
      const over = await Promise.race([ring.promise.then(() => undefined), ended.promise.then((error) => ({ error }))]);
      if (over && heard.length === 0) throw over.error ?? new Error("the stream has ended");
      ring = Promise.withResolvers<void>();
    }
  }
  return {
    joined,
    send,
    update: (fits = () => true) =>
      hear((event) => (event.case === "update" && fits(event.value) ? event.value : undefined)),
    transfer: () => hear((event) => (event.case === "transfer" ? event.value : undefined)),
    ended: ended.promise,
    close: () => ending.abort(),
  };
}
