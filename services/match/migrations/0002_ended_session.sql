-- Sessions whose access tokens are refused although they have not expired. Told by auth.
create table ended_session (
  session_id uuid primary key,
  expire_time timestamptz not null
);
create index ended_session_expire_time on ended_session (expire_time);
