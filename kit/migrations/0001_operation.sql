-- What sagas and clients have asked for by name. A row is written in the transaction that does the work, so the work is done once.
create table operation (
  operation_id text primary key check (char_length(operation_id) between 1 and 200),
  -- What was asked, with its kind; null where the undo came first: then it is never done.
  request jsonb,
  -- The first answer, which every repeat gets.
  answer jsonb,
  -- Null until an undo has come; then whether there was something to undo.
  undone boolean,
  create_time timestamptz not null default now(),
  undo_time timestamptz,
  check (request is not null or undone is false)
);
