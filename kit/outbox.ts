import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type pg from "pg";
import type { KafkaProducer } from "./kafka.ts";
import type { Log } from "./log.ts";
import { meter } from "./metrics.ts";
import { pause } from "./pause.ts";
import type { Database } from "./postgres.ts";

/** One event on its way out. */
export interface OutgoingEvent {
  /** UUID. */
  eventId: string;
  topic: string;
  /** Events of one key keep their order. */
  key: string;
  type: string;
  payload: string;
}

export interface Outbox {
  /** Puts an event into the outbox, in the caller's transaction. */
  append(client: pg.ClientBase, event: OutgoingEvent): Promise<void>;
  /** As append, for many that no single call has caused. */
  appendAll(client: pg.ClientBase, events: readonly OutgoingEvent[]): Promise<void>;
  /** Tells the relay that a transaction with events has ended. Without it the relay looks by itself, 4 times a second. */
  wake(): void;
  stop(): Promise<void>;
}

/** Any number will do: of all processes on one database, the holder of this lock relays. Several at once would break the order. */
const lock = 7_201_846;
const batchSize = 500;
const pollMs = 250;

const tracer = trace.getTracer("game-mesh/outbox");
const relayed = meter.createCounter("game.outbox.relayed", { description: "Events handed to Kafka" });

interface Row extends Omit<OutgoingEvent, "eventId"> {
  id: string;
  event_id: string;
  traceparent: string | null;
}

/** Starts the relay from the database's outbox to Kafka. It lives through the loss of either, and hands each event over at least once. */
export function startOutbox(database: Database, producer: KafkaProducer, log: Log): Outbox {
  const stopping = new AbortController();
  let bell = new AbortController();
  const wake = () => {
    bell.abort();
  };

  async function relay(): Promise<void> {
    const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener("abort", () => resolve()));
    await Promise.race([database.migrated, stopped]);
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        await leadAndRelay();
        failures = 0;
      } catch (error) {
        log[failures++ === 0 ? "warn" : "debug"]({ err: (error as Error).message }, "the outbox waits, trying on");
        await pause(Math.min(250 * failures, 3_000), stopping.signal);
      }
    }
  }

  /** Holds a connection of its own, because the lock lives as long as that. */
  async function leadAndRelay(): Promise<void> {
    const client = await database.pool.connect();
    try {
      const { rows } = await client.query<{ led: boolean }>("select pg_try_advisory_lock($1) as led", [lock]);
      if (!rows[0]?.led) return await pause(1_000, stopping.signal);
      while (!stopping.signal.aborted) {
        bell = new AbortController();
        if ((await relayBatch(client)) < batchSize) await pause(pollMs, bell.signal);
      }
    } finally {
      client.release(true);
    }
  }

  async function relayBatch(client: pg.ClientBase): Promise<number> {
    const { rows } = await client.query<Row>(
      "select id, event_id, topic, key, type, payload, traceparent from outbox order by id limit $1",
      [batchSize],
    );
    if (rows.length === 0) return 0;
    const spans = rows.map(startSendSpan);
    try {
      await producer.send(
        rows.map((row, i) => {
          const headers: Record<string, string> = { "event-id": row.event_id, "event-type": row.type };
          propagation.inject(trace.setSpan(context.active(), spans[i]!), headers);
          return { topic: row.topic, key: row.key, value: row.payload, headers };
        }),
      );
    } catch (error) {
      for (const span of spans) span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message });
      throw error;
    } finally {
      for (const span of spans) span.end();
    }
    await client.query("delete from outbox where id = any($1)", [rows.map((row) => row.id)]);
    relayed.add(rows.length);
    return rows.length;
  }

  const running = relay();
  return {
    async append(client, event) {
      const carrier: { traceparent?: string } = {};
      propagation.inject(context.active(), carrier);
      await client.query(
        "insert into outbox (event_id, topic, key, type, payload, traceparent) values ($1, $2, $3, $4, $5, $6)",
        [event.eventId, event.topic, event.key, event.type, event.payload, carrier.traceparent ?? null],
      );
    },
    async appendAll(client, events) {
      const column = <K extends keyof OutgoingEvent>(name: K) => events.map((event) => event[name]);
      await client.query(
        `insert into outbox (event_id, topic, key, type, payload)
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])`,
        [column("eventId"), column("topic"), column("key"), column("type"), column("payload")],
      );
    },
    wake,
    async stop() {
      stopping.abort();
      wake();
      await running;
    },
  };
}

/** The span of handing over an event, a child of the work that wrote it. */
function startSendSpan(row: Row) {
  const parent = propagation.extract(context.active(), row.traceparent ? { traceparent: row.traceparent } : {});
  const attributes = {
    "messaging.system": "kafka",
    "messaging.operation.type": "send",
    "messaging.destination.name": row.topic,
    "messaging.message.id": row.event_id,
    "game.event.type": row.type,
  };
  return tracer.startSpan(`send ${row.topic}`, { kind: SpanKind.PRODUCER, attributes }, parent);
}
