-- Who owns a zone. The fence counts its owners: what an earlier one still writes is refused.
create table zone_lease (
  zone_id text primary key,
  owner text not null,
  fence bigint not null,
  expire_time timestamptz not null
);

create table player_position (
  user_id uuid primary key,
  zone_id text not null,
  -- Centimetres.
  x integer not null,
  y integer not null,
  life integer not null,
  dead boolean not null,
  -- The zone that they came from by a portal, until they are in this one.
  from_zone_id text not null default '',
  update_time timestamptz not null default now()
);

create table zone_object (
  zone_id text not null,
  object_id text not null,
  open boolean not null,
  primary key (zone_id, object_id)
);

create table ended_session (
  session_id text primary key,
  expire_time timestamptz not null
);
