import { timestampDate } from "@bufbuild/protobuf/wkt";
import type pg from "pg";
import type { Event } from "#gen/game/event/v1/event_pb.ts";
import { parseEvent } from "#kit/events.ts";

/** An event, and the text as which it came. */
export interface ReceivedEvent {
  event: Event;
  text: string;
}

/** Reads an event and keeps its text. Throws when it is malformed. */
export const receiveEvent = (text: string): ReceivedEvent => ({ event: parseEvent(text), text });

/** What happened in the game. */
export interface EventStore {
  add(received: ReceivedEvent, client: pg.ClientBase): Promise<void>;
  /** Deletes events that are older, at most `limit` at once. Returns how many there were. */
  deleteOlder(than: Date, limit: number): Promise<number>;
}

export function createPostgresEventStore(pool: pg.Pool): EventStore {
  return {
    async add({ event, text }, client) {
      if (!event.eventTime) throw new TypeError(`${event.type} without its time`);
      await client.query(
        "insert into event (event_id, type, source, user_id, event_time, payload) values ($1, $2, $3, $4, $5, $6)",
        [event.eventId, event.type, event.source, event.userId, timestampDate(event.eventTime), text],
      );
    },
    async deleteOlder(than, limit) {
      const { rowCount } = await pool.query(
        "delete from event where event_id in (select event_id from event where event_time < $1 limit $2)",
        [than, limit],
      );
      return rowCount ?? 0;
    },
  };
}
