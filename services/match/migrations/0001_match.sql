create table rating (
  season text not null,
  user_id uuid not null,
  username text not null,
  rating float8 not null,
  deviation float8 not null,
  volatility float8 not null,
  wins int not null default 0,
  losses int not null default 0,
  draws int not null default 0,
  -- Of the last game; null for one who was only named as an opponent in a match that is being reported.
  update_time timestamptz,
  primary key (season, user_id)
);
create index rating_of_user on rating (user_id, season desc);

-- Matches that all players were ready for.
create table match (
  match_id uuid primary key,
  mode text not null,
  start_time timestamptz not null default now(),
  outcome text,
  end_time timestamptz,
  -- The season that its result counted for, and whether the leaderboard in Redis has it.
  season text,
  on_leaderboard boolean not null default true
);
create index match_off_leaderboard on match (end_time) where not on_leaderboard;

create table match_player (
  match_id uuid not null references match,
  user_id uuid not null,
  username text not null,
  side smallint not null,
  role text,
  rating_before float8,
  rating_after float8,
  primary key (match_id, user_id)
);
create index match_of_player on match_player (user_id);
