import { randomUUID } from "node:crypto";
import { create, fromJsonString, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { type Event, EventSchema } from "#gen/game/event/v1/event_pb.ts";
import type { OutgoingEvent } from "./outbox.ts";

type Data = Exclude<MessageInitShape<typeof EventSchema>["data"], undefined>;

/** An event as it goes into the outbox: JSON, keyed by the user, named after its data. */
export function toOutgoing(topic: string, source: string, userId: string, data: Data): OutgoingEvent {
  const eventId = randomUUID();
  const type = typeOf(data.case!);
  const event = create(EventSchema, { eventId, type, eventTime: timestampNow(), source, userId, data });
  return { eventId, topic, key: userId, type, payload: toJsonString(EventSchema, event) };
}

/** An event from Kafka. Fields that a newer producer added are passed over. Throws when it is malformed. */
export function parseEvent(value: string): Event {
  return fromJsonString(EventSchema, value, { ignoreUnknownFields: true });
}

/** Where most of what a service tells the others goes, for `consumeEvents`. */
export const gameEvents = { topics: ["game-events"], parse: parseEvent };

const typeOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
