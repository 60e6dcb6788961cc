import type { OutgoingEvent } from "#kit/outbox.ts";
import type { Database } from "#kit/postgres.ts";

/** How a combatant stands: what outlives this process. */
export interface Saved {
  /** As the world counts its lives. Health of another life says nothing. */
  life: number;
  hp: number;
  /** The highest sequence number of its client that was answered. */
  lastSequence: number;
}

/** An event with the trace that it belongs to. */
export interface TracedEvent extends OutgoingEvent {
  traceparent?: string | undefined;
}

export interface CombatStore {
  /** Everybody who was in a fight of late, by id. Who wasn't for a week is forgotten. */
  load(): Promise<Map<string, Saved>>;
  /** All of it or nothing: how combatants stand (undefined: as if they had never fought), and what is told of their fights. */
  save(combatants: ReadonlyMap<string, Saved | undefined>, events: readonly TracedEvent[]): Promise<void>;
}

export function createPostgresCombatStore({ pool, transaction }: Pick<Database, "pool" | "transaction">): CombatStore {
  return {
    async load() {
      await pool.query("delete from combatant where update_time < now() - interval '7 days'");
      const { rows } = await pool.query<{ combatant_id: string; life: string; hp: number; last_sequence: string }>(
        "select combatant_id, life, hp, last_sequence from combatant",
      );
      return new Map(
        rows.map(({ combatant_id, life, hp, last_sequence }) => [
          combatant_id,
          { life: Number(life), hp, lastSequence: Number(last_sequence) },
        ]),
      );
    },

    async save(combatants, events) {
      const kept = [...combatants].filter((entry): entry is [string, Saved] => entry[1] !== undefined);
      const gone = [...combatants].filter(([, saved]) => !saved).map(([id]) => id);
      await transaction(async (client) => {
        if (kept.length > 0)
          await client.query(
            `insert into combatant as c (combatant_id, life, hp, last_sequence)
             select * from unnest($1::text[], $2::bigint[], $3::int[], $4::bigint[])
             on conflict (combatant_id) do update set life = excluded.life, hp = excluded.hp,
               last_sequence = greatest(c.last_sequence, excluded.last_sequence), update_time = now()`,
            [
              kept.map(([id]) => id),
              kept.map(([, { life }]) => life),
              kept.map(([, { hp }]) => hp),
              kept.map(([, { lastSequence }]) => lastSequence),
            ],
          );
        if (gone.length > 0) await client.query("delete from combatant where combatant_id = any($1)", [gone]);
        if (events.length > 0)
          await client.query(
            `insert into outbox (event_id, topic, key, type, payload, traceparent)
             select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])`,
            [
              events.map(({ eventId }) => eventId),
              events.map(({ topic }) => topic),
              events.map(({ key }) => key),
              events.map(({ type }) => type),
              events.map(({ payload }) => payload),
              events.map(({ traceparent }) => traceparent ?? null),
            ],
          );
      });
    },
  };
}
