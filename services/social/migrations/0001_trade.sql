create table trade (
  -- Counts up; newer is larger.
  number bigint generated always as identity primary key,
  trade_id text not null unique,
  from_user_id uuid not null,
  to_user_id uuid not null check (to_user_id <> from_user_id),
  offered jsonb not null,
  wanted jsonb not null,
  status text not null default 'OPENING',
  reason text not null default '',
  create_time timestamptz not null default now(),
  expire_time timestamptz not null
);
create index trade_from on trade (from_user_id, number desc);
create index trade_to on trade (to_user_id, number desc);

-- Sessions whose access tokens are refused although they have not expired. Told by auth.
create table ended_session (
  session_id uuid primary key,
  expire_time timestamptz not null
);
create index ended_session_expire_time on ended_session (expire_time);
