-- Who may log in. A password hash is an argon2id PHC string; without one the user logs in by an outside provider only.
create table user_account (
  user_id uuid primary key,
  username text not null check (username ~ '^[A-Za-z0-9_-]{3,32}$'),
  password_hash text,
  roles text[] not null check (roles <@ array['player', 'moderator', 'admin']),
  create_time timestamptz not null default now()
);
create unique index user_account_username on user_account (lower(username));

-- Who somebody is at an OpenID Connect provider.
create table oidc_identity (
  issuer text not null,
  subject text not null,
  user_id uuid not null references user_account on delete cascade,
  create_time timestamptz not null default now(),
  primary key (issuer, subject)
);
create index oidc_identity_user on oidc_identity (user_id);
