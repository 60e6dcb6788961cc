import { randomUUID } from "node:crypto";
import type pg from "pg";
import type { Database } from "#kit/postgres.ts";
import type { PartyInvite } from "./message.ts";

export type InviteRefusal = "not_a_member" | "already_member" | "party_full";
export type AnswerRefusal = "invite_unknown" | "invite_answered" | "invite_expired" | "party_full";

/** Who belongs to parties and guilds. Rules that look at several rows hold a lock on the channel's row. */
export interface PartyStore {
  /** @returns the new party's id. */
  create(userId: string): Promise<string>;
  /** The open invite of a player to a party, made unless there is one. */
  invite(
    invite: { partyId: string; inviterId: string; inviteeId: string; now: Date; expireTime: Date },
    maxMembers: number,
  ): Promise<PartyInvite | InviteRefusal>;
  /** Notes the answer, once. @returns the party's id. */
  answer(
    answer: { inviteId: string; userId: string; accepted: boolean; now: Date },
    maxMembers: number,
  ): Promise<{ partyId: string } | AnswerRefusal>;
  /** @returns whether the player was a member. */
  leave(partyId: string, userId: string): Promise<boolean>;
  addMember(channel: string, userId: string, client: pg.ClientBase): Promise<void>;
  /** Also counts up the channel's member revision. @returns whether the user was a member. */
  removeMember(channel: string, userId: string, client: pg.ClientBase): Promise<boolean>;
}

interface InviteRow {
  invite_id: string;
  party_id: string;
  invitee_id: string;
  expire_time: Date;
  accepted: boolean | null;
}

export function createPostgresPartyStore({ pool, transaction }: Pick<Database, "pool" | "transaction">): PartyStore {
  async function addMember(channel: string, userId: string, client: pg.ClientBase): Promise<void> {
    await client.query("insert into channel_member (channel, user_id) values ($1, $2) on conflict do nothing", [
      channel,
      userId,
    ]);
  }

  async function removeMember(channel: string, userId: string, client: pg.ClientBase): Promise<boolean> {
    const { rowCount } = await client.query("delete from channel_member where channel = $1 and user_id = $2", [
      channel,
      userId,
    ]);
    await client.query(
      `insert into channel as c (name, member_revision) values ($1, 1)
       on conflict (name) do update set member_revision = c.member_revision + 1`,
      [channel],
    );
    return rowCount === 1;
  }

  /** The members of a party, which stay so until the transaction ends. */
  async function lockedMembers(partyId: string, client: pg.ClientBase): Promise<Set<string>> {
    await client.query("select from channel where name = $1 for update", [`party/${partyId}`]);
    const { rows } = await client.query<{ user_id: string }>("select user_id from channel_member where channel = $1", [
      `party/${partyId}`,
    ]);
    return new Set(rows.map((row) => row.user_id));
  }

  return {
    addMember,
    removeMember,
    async create(userId) {
      const partyId = randomUUID();
      await pool.query(
        `with made as (insert into channel (name) values ($1))
         insert into channel_member (channel, user_id) values ($1, $2)`,
        [`party/${partyId}`, userId],
      );
      return partyId;
    },
    invite({ partyId, inviterId, inviteeId, now, expireTime }, maxMembers) {
      return transaction(async (client) => {
        const members = await lockedMembers(partyId, client);
        if (!members.has(inviterId)) return "not_a_member";
        if (members.has(inviteeId)) return "already_member";
        if (members.size >= maxMembers) return "party_full";
        const { rows } = await client.query<InviteRow>(
          "select * from party_invite where party_id = $1 and invitee_id = $2 and accepted is null and expire_time > $3",
          [partyId, inviteeId, now],
        );
        if (rows[0]) return { inviteId: rows[0].invite_id, partyId, expireTime: rows[0].expire_time };
        const inviteId = randomUUID();
        await client.query(
          "insert into party_invite (invite_id, party_id, inviter_id, invitee_id, expire_time) values ($1, $2, $3, $4, $5)",
          [inviteId, partyId, inviterId, inviteeId, expireTime],
        );
        return { inviteId, partyId, expireTime };
      });
    },
    answer({ inviteId, userId, accepted, now }, maxMembers) {
      return transaction(async (client) => {
        const { rows } = await client.query<InviteRow>("select * from party_invite where invite_id = $1 for update", [
          inviteId,
        ]);
        const invite = rows[0];
        if (invite?.invitee_id !== userId) return "invite_unknown";
        if (invite.accepted !== null) return "invite_answered";
        if (invite.expire_time <= now) return "invite_expired";
        const partyId = invite.party_id;
        if (accepted) {
          const members = await lockedMembers(partyId, client);
          // A party that all have left is over.
          if (members.size === 0) return "invite_expired";
          if (members.size >= maxMembers) return "party_full";
          await addMember(`party/${partyId}`, userId, client);
        }
        await client.query("update party_invite set accepted = $2 where invite_id = $1", [inviteId, accepted]);
        return { partyId };
      });
    },
    leave(partyId, userId) {
      return transaction((client) => removeMember(`party/${partyId}`, userId, client));
    },
  };
}
