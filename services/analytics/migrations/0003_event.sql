-- What happened in the game, as the services told it; each event once. Old ones are deleted.
create table event (
  event_id uuid primary key,
  type text not null,
  source text not null,
  user_id text not null,
  event_time timestamptz not null,
  -- As it came, with what this service doesn't know of yet.
  payload jsonb not null
);
create index event_event_time on event (event_time);
create index event_user on event (user_id, event_time);

-- Sessions whose access tokens are refused although they have not expired. Told by auth.
create table ended_session (
  session_id uuid primary key,
  expire_time timestamptz not null
);
create index ended_session_expire_time on ended_session (expire_time);
