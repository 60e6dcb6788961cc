-- Events leave by the outbox: a row is written in the transaction that does the work, and deleted once Kafka has it.
create table outbox (
  id bigint generated always as identity primary key,
  event_id uuid not null,
  topic text not null,
  key text not null,
  type text not null,
  payload text not null,
  traceparent text,
  create_time timestamptz not null default now()
);

-- Events come in through the inbox: a row is written in the transaction of the effect, so each has its effect once.
create table inbox (
  event_id uuid primary key,
  type text not null,
  handle_time timestamptz not null default now()
);
create index inbox_handle_time on inbox (handle_time);

-- What could not be handled stays here for a person.
create table dead_letter (
  topic text not null,
  partition int not null,
  "offset" bigint not null,
  payload text,
  error text not null,
  create_time timestamptz not null default now(),
  primary key (topic, partition, "offset")
);
