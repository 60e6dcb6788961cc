import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type pg from "pg";
import { isAway } from "./errors.ts";
import type { IncomingMessage, KafkaClient, KafkaConsumer } from "./kafka.ts";
import type { Log } from "./log.ts";
import { meter } from "./metrics.ts";
import { pause } from "./pause.ts";
import type { Database } from "./postgres.ts";

/** The effect of one event, in the transaction that also notes the event as handled. */
export type Handler<E> = (event: E, client: pg.PoolClient) => Promise<void>;

/** How often an effect may fail for a reason of its own before the event is laid aside. An engine that is away is waited for. */
const attempts = 5;

/** Longer than Kafka keeps an event (7 days), after which it can't come again. */
const keepDays = 14;
const purgeMs = 3_600_000;

const tracer = trace.getTracer("game-mesh/inbox");
const handled = meter.createCounter("game.inbox.handled", { description: "Events by type and outcome" });

/**
 * Handles the events of `topics`, each once: the event's id goes into the inbox in the transaction of its effect.
 *
 * A type without a handler goes to `otherwise`; without that it is skipped with a warning. What cannot be read, or keeps failing, goes to the table dead_letter.
 *
 * @param parse reads a message's value; throws when it is malformed.
 */
export function consumeEvents<E>(options: {
  kafka: KafkaClient;
  group: string;
  topics: string[];
  database: Database;
  parse: (value: string) => E;
  handlers: Record<string, Handler<E>>;
  otherwise?: Handler<E>;
  log: Log;
}): KafkaConsumer {
  const { database, parse, handlers, otherwise, log } = options;
  const handlerOf = (type: string) => (Object.hasOwn(handlers, type) ? handlers[type] : otherwise);
  const warned = new Set<string>();

  /** What became of the event: for the metric and the log. */
  async function once(message: IncomingMessage, event: E): Promise<"handled" | "repeated"> {
    const type = message.headers["event-type"] ?? "";
    return await database.transaction(async (client) => {
      const { rowCount } = await client.query(
        "insert into inbox (event_id, type) values ($1, $2) on conflict do nothing",
        [message.headers["event-id"], type],
      );
      if (rowCount === 0) return "repeated";
      await handlerOf(type)!(event, client);
      return "handled";
    });
  }

  async function untilDone(message: IncomingMessage): Promise<string> {
    await database.migrated;
    let event: E | undefined;
    for (let failures = 0; ; ) {
      try {
        event ??= parse(message.value);
        return await once(message, event);
      } catch (error) {
        const away = isAway(error);
        if (!away) failures++;
        log.warn({ err: (error as Error).message, away, offset: message.offset }, "an event could not be handled");
        // What can't be read now can't be read later.
        if (failures >= attempts || event === undefined) {
          await layAside(database, message, error as Error);
          return "laid_aside";
        }
        await pause(away ? 1_000 : 100 * 2 ** failures);
      }
    }
  }

  const purge = () =>
    database.pool
      .query("delete from inbox where handle_time < now() - make_interval(days => $1)", [keepDays])
      .catch((error: Error) => log.debug({ err: error.message }, "the inbox can't be purged now"));
  setInterval(purge, purgeMs).unref();

  return options.kafka.consume(options.group, options.topics, async (message) => {
    const type = message.headers["event-type"] ?? "(none)";
    if (!handlerOf(type)) {
      if (!warned.has(type)) log.warn({ type, topic: message.topic }, "events of this type are skipped: no handler");
      warned.add(type);
      handled.add(1, { type, outcome: "skipped" });
      return;
    }
    const parent = propagation.extract(context.active(), message.headers);
    const attributes = {
      "messaging.system": "kafka",
      "messaging.operation.type": "process",
      "messaging.destination.name": message.topic,
      "messaging.consumer.group.name": options.group,
      "messaging.message.id": message.headers["event-id"] ?? "",
      "game.event.type": type,
    };
    const span = tracer.startSpan(`process ${type}`, { kind: SpanKind.CONSUMER, attributes }, parent);
    try {
      const outcome = await context.with(trace.setSpan(parent, span), () => untilDone(message));
      handled.add(1, { type, outcome });
      if (outcome === "laid_aside") span.setStatus({ code: SpanStatusCode.ERROR, message: "laid aside" });
    } finally {
      span.end();
    }
  });
}

async function layAside(database: Database, message: IncomingMessage, error: Error): Promise<void> {
  await database.pool.query(
    `insert into dead_letter (topic, partition, "offset", payload, error) values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [message.topic, message.partition, message.offset, message.value, error.message],
  );
}
