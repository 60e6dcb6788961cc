-- How those who were in a fight stand, so that a restart heals and kills nobody.
create table combatant (
  combatant_id text primary key,
  -- The life that the health belongs to, as the world counts it.
  life bigint not null,
  hp int not null check (hp >= 0),
  -- Of a player: the highest sequence number that was answered.
  last_sequence bigint not null default 0,
  update_time timestamptz not null default now()
);
create index combatant_update_time on combatant (update_time);

-- Sessions whose access tokens are refused although they have not expired. Told by auth.
create table ended_session (
  session_id uuid primary key,
  expire_time timestamptz not null
);
create index ended_session_expire_time on ended_session (expire_time);
