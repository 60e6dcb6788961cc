-- A channel counts its messages. Its row is locked from the giving of an id to the commit, so ids have no gaps and become
-- visible in their order. A channel that nobody has used has no row.
create table channel (
  name text primary key,
  last_message_id bigint not null default 0,
  -- Counts up when somebody leaves: the replicas then look who may still listen.
  member_revision bigint not null default 0
);

create table message (
  channel text not null,
  message_id bigint not null,
  -- Null for what the platform says.
  sender_id uuid,
  sender_name text,
  request_id text,
  text text,
  party_invite jsonb,
  create_time timestamptz not null,
  primary key (channel, message_id),
  check (num_nonnulls(text, party_invite) = 1)
);
create unique index message_request on message (sender_id, request_id) where request_id is not null;

-- Who may read and write on a party's or a guild's channel.
create table channel_member (
  channel text not null,
  user_id uuid not null,
  join_time timestamptz not null default now(),
  primary key (channel, user_id)
);

create table party_invite (
  invite_id uuid primary key,
  party_id uuid not null,
  inviter_id uuid not null,
  invitee_id uuid not null,
  expire_time timestamptz not null,
  -- Null until answered.
  accepted boolean
);
create index party_invite_open on party_invite (party_id, invitee_id) where accepted is null;
