-- Players whose account is no more. Told by auth.
create table deleted_player (
  user_id uuid primary key,
  delete_time timestamptz not null default now()
);
