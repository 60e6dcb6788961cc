create table profile (
  user_id uuid primary key,
  username text not null,
  display_name text not null check (char_length(display_name) between 1 and 40),
  bio text not null default '' check (char_length(bio) <= 500),
  locale text not null default '',
  revision bigint not null default 1,
  create_time timestamptz not null default now(),
  update_time timestamptz not null default now(),
  last_login_time timestamptz
);

-- Sessions whose access tokens are refused although they have not expired. Told by auth.
create table ended_session (
  session_id uuid primary key,
  expire_time timestamptz not null
);
create index ended_session_expire_time on ended_session (expire_time);
