-- Sagas, each as far as it is known.
create table saga (
  saga_id text primary key,
  type text not null,
  status text not null check (status in ('started', 'completed', 'failed', 'compensated', 'needs_repair')),
  reason text not null,
  user_id uuid not null,
  trace_id text not null,
  start_time timestamptz not null,
  -- When it came to its status.
  status_time timestamptz not null,
  -- When it first ended, or first needed a person: what a person then takes for the repair is not the saga's own time.
  settle_time timestamptz
);
create index saga_start on saga (start_time, saga_id);
create index saga_status on saga (status, start_time, saga_id);
create index saga_type on saga (type, status, status_time);
