import type pg from "pg";
import type { Draft, Message } from "./message.ts";

/** How far a channel is. */
export interface Head {
  lastId: number;
  /** Counts up when somebody leaves the channel. */
  memberRevision: number;
}

/** What became of a group of drafts. */
export interface Appended {
  /** One for each draft, in their order. `repeated`: the sender had used the request id before, and this is what they sent then. */
  results: { message: Message; repeated: boolean }[];
  memberRevision: number;
}

/** Channels are given by their stored names. */
export interface ChatStore {
  /** Gives the drafts the channel's next ids, in one transaction with their events. */
  append(channel: string, drafts: Draft[]): Promise<Appended>;
  findByRequestId(senderId: string, requestId: string): Promise<Message | undefined>;
  /** The newest messages before `beforeId`, newest first. */
  listBefore(channel: string, beforeId: number, limit: number): Promise<Message[]>;
  /** Messages from `afterId` (without) to `upToId` (with), oldest first. */
  listAfter(channel: string, afterId: number, upToId: number, limit: number): Promise<Message[]>;
  /** A head for each of the channels, those that nobody has used included. */
  heads(channels: string[]): Promise<Map<string, Head>>;
  /** Those of `channels` that the user is a member of. */
  memberships(userId: string, channels: string[]): Promise<Set<string>>;
  members(channel: string): Promise<Set<string>>;
}

interface Row {
  channel: string;
  message_id: string;
  sender_id: string | null;
  sender_name: string | null;
  text: string | null;
  party_invite: { inviteId: string; partyId: string; expireTime: string } | null;
  create_time: Date;
}

/**
 * All in one statement, so that the lock on the channel's row is held for no longer than the commit takes, whatever the way to the
 * database. (The `limit` holds the planner to the index: a plan made while the table is empty would otherwise read all of it
 * for as long as the connection lives.) `known` may miss what another replica commits at this moment: then the unique index objects and {@link append} begins
 * anew. The id of a message is known only here, so it is put into the event here.
 */
const appendSql = `
with draft as (
  select * from json_to_recordset($2) as d(place int, sender_id uuid, sender_name text, request_id text, text text,
    party_invite jsonb, event_id uuid, topic text, key text, type text, payload jsonb, traceparent text)
), known as (
  select d.place, m.* from draft d cross join lateral (
    select * from message where sender_id = d.sender_id and request_id = d.request_id limit 1) m
), fresh as (
  select d.*, row_number() over (order by d.place) as nth from draft d where d.place not in (select place from known)
), head as (
  insert into channel as c (name, last_message_id) select $1, count(*) from fresh having count(*) > 0
  on conflict (name) do update set last_message_id = c.last_message_id + excluded.last_message_id
  returning last_message_id - (select count(*) from fresh) as base, member_revision
), stored as (
  insert into message (channel, message_id, sender_id, sender_name, request_id, text, party_invite, create_time)
  select $1, base + nth, sender_id, sender_name, request_id, text, party_invite, clock_timestamp()
  from head, fresh order by nth
  returning *
), told as (
  insert into outbox (event_id, topic, key, type, payload, traceparent)
  select event_id, topic, key, type, jsonb_set(payload, '{chatMessageSent,messageId}', to_jsonb((base + nth)::text)), traceparent
  from head, fresh where event_id is not null order by nth
)
select fresh.place, false as repeated, head.member_revision, stored.*
  from stored, head join fresh on true where stored.message_id = head.base + fresh.nth
union all select known.place, true, null, known.channel, known.message_id, known.sender_id, known.sender_name, known.request_id,
  known.text, known.party_invite, known.create_time from known
order by place`;

/** 23505: another replica has just stored the same request id. 40P01: two groups waited for each other's. */
const retried = new Set(["23505", "40P01"]);
const attempts = 4;

export function createPostgresChatStore(pool: pg.Pool): ChatStore {
  type AppendedRow = Row & { repeated: boolean; member_revision: string | null };

  async function append(channel: string, drafts: Draft[]): Promise<AppendedRow[]> {
    const values = [channel, JSON.stringify(drafts.map(toColumns))];
    for (let attempt = 1; ; attempt++)
      try {
        return (await pool.query<AppendedRow>({ name: "append", text: appendSql, values })).rows;
      } catch (error) {
        if (attempt === attempts || !retried.has((error as { code?: string }).code ?? "")) throw error;
      }
  }

  return {
    async append(channel, drafts) {
      const rows = await append(channel, drafts);
      return {
        results: rows.map((row) => ({ message: toMessage(row), repeated: row.repeated })),
        memberRevision: Number(rows.find((row) => !row.repeated)?.member_revision ?? 0),
      };
    },
    async findByRequestId(senderId, requestId) {
      const { rows } = await pool.query<Row>("select * from message where sender_id = $1 and request_id = $2", [
        senderId,
        requestId,
      ]);
      return rows[0] && toMessage(rows[0]);
    },
    async listBefore(channel, beforeId, limit) {
      const { rows } = await pool.query<Row>(
        "select * from message where channel = $1 and message_id < $2 order by message_id desc limit $3",
        [channel, beforeId, limit],
      );
      return rows.map(toMessage);
    },
    async listAfter(channel, afterId, upToId, limit) {
      const { rows } = await pool.query<Row>(
        "select * from message where channel = $1 and message_id > $2 and message_id <= $3 order by message_id limit $4",
        [channel, afterId, upToId, limit],
      );
      return rows.map(toMessage);
    },
    async heads(channels) {
      const { rows } = await pool.query<{ name: string; last_message_id: string; member_revision: string }>(
        "select * from channel where name = any($1)",
        [channels],
      );
      const heads = new Map(channels.map((channel) => [channel, { lastId: 0, memberRevision: 0 }]));
      for (const row of rows)
        heads.set(row.name, { lastId: Number(row.last_message_id), memberRevision: Number(row.member_revision) });
      return heads;
    },
    async memberships(userId, channels) {
      const { rows } = await pool.query<{ channel: string }>(
        "select channel from channel_member where user_id = $1 and channel = any($2)",
        [userId, channels],
      );
      return new Set(rows.map((row) => row.channel));
    },
    async members(channel) {
      const { rows } = await pool.query<{ user_id: string }>("select user_id from channel_member where channel = $1", [
        channel,
      ]);
      return new Set(rows.map((row) => row.user_id));
    },
  };
}

function toColumns({ sender, requestId, text, partyInvite, traceparent, event }: Draft, place: number) {
  return {
    place,
    sender_id: sender?.userId,
    sender_name: sender?.username,
    request_id: requestId,
    text,
    party_invite: partyInvite,
    traceparent,
    ...(event && {
      event_id: event.eventId,
      topic: event.topic,
      key: event.key,
      type: event.type,
      payload: JSON.parse(event.payload),
    }),
  };
}

function toMessage(row: Row): Message {
  const { party_invite: invite } = row;
  return {
    channel: row.channel,
    id: Number(row.message_id),
    createTime: row.create_time,
    ...(row.sender_id && { sender: { userId: row.sender_id, username: row.sender_name ?? "" } }),
    ...(row.text !== null && { text: row.text }),
    ...(invite && { partyInvite: { ...invite, expireTime: new Date(invite.expireTime) } }),
  };
}
