/**
 * A process that is made to be killed: it writes events through an outbox, relays them, and counts them by an inbox.
 *
 * Its effect (`n = n + 1`) shows any event that is lost or handled twice, and the list of handled numbers any change of order.
 *
 * usage: node event-pump.ts DATABASE_URL KAFKA_BROKERS COUNT
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { consumeEvents } from "#kit/inbox.ts";
import { createKafkaClient } from "#kit/kafka.ts";
import { createLog } from "#kit/log.ts";
import { startOutbox } from "#kit/outbox.ts";
import { kitMigrations, openDatabase } from "#kit/postgres.ts";
import { until } from "./until.ts";

const [url, brokers, count] = process.argv.slice(2) as [string, string, string];
const log = createLog("event-pump");
const migrations = [kitMigrations, join(import.meta.dirname, "event-pump-migrations")];
const database = openDatabase({ url, name: "event-pump", migrations, log });
const kafka = createKafkaClient({ brokers: [brokers], clientId: "event-pump", log });
const outbox = startOutbox(database, kafka.producer, log);

consumeEvents<{ key: string; number: number }>({
  kafka,
  group: "event-pump",
  topics: ["game-events"],
  database,
  parse: (value) => JSON.parse(value),
  handlers: {
    async counted({ key, number }, client) {
      await client.query(
        `insert into tally (key, n, numbers) values ($1, 1, array[$2::int])
         on conflict (key) do update set n = tally.n + 1, numbers = tally.numbers || excluded.numbers`,
        [key, number],
      );
    },
  },
  log,
});

/** So far ahead of the handler the writer may be: all three are at work whenever one of them is killed. */
const lead = 100;

async function handled(): Promise<number> {
  const { rows } = await database.pool.query<{ n: string }>("select coalesce(sum(n), 0) as n from tally");
  return Number(rows[0]!.n);
}

await database.migrated;
for (let number = 0; number < Number(count); number++) {
  const key = `key-${number % 7}`;
  if (number % 20 === 0) await until("the handler follows", async () => (await handled()) > number - lead, 300_000);
  // The table `written` is the work whose transaction the event belongs to.
  await until("it is written", () =>
    database.transaction(async (client) => {
      const { rowCount } = await client.query("insert into written (number) values ($1) on conflict do nothing", [
        number,
      ]);
      if (rowCount === 0) return true;
      const payload = JSON.stringify({ key, number });
      await outbox.append(client, { eventId: randomUUID(), topic: "game-events", key, type: "counted", payload });
      return true;
    }),
  );
  outbox.wake();
}
