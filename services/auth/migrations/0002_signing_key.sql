-- The keys of the access tokens. The private part is sealed: AES-256-GCM under a key that the database doesn't know.
create table signing_key (
  key_id text primary key,
  public_jwk jsonb not null,
  sealed_private_key bytea not null,
  -- From when on it signs; every verifier has it by then.
  activate_time timestamptz not null,
  create_time timestamptz not null default now()
);
