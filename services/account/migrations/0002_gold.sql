-- What a player has. Holds the same number as the newest line of the statement; the two can't come apart.
create table wallet (
  user_id uuid primary key,
  balance bigint not null default 0 constraint balance_in_range check (balance between 0 and 9000000000000000),
  -- Null before the first line.
  last_entry_id bigint,
  check (last_entry_id is not null or balance = 0)
);

-- The statement. Each line holds on to the one before it: the lines of a player are numbered without gaps, and each balance is the
-- last one plus the amount. So the sum of the amounts is the balance, whoever writes here.
create table gold_entry (
  user_id uuid not null,
  entry_id bigint not null check (entry_id > 0),
  amount bigint not null check (amount <> 0),
  balance bigint not null check (balance between 0 and 9000000000000000),
  kind text not null check (kind in ('starting_gold', 'deduct', 'refund', 'credit', 'transfer_in', 'transfer_out', 'grant')),
  operation_id text not null,
  create_time timestamptz not null default now(),
  previous_entry_id bigint generated always as (nullif(entry_id - 1, 0)) stored,
  previous_balance bigint generated always as (balance - amount) stored,
  primary key (user_id, entry_id),
  unique (user_id, entry_id, balance),
  check (entry_id > 1 or balance = amount),
  foreign key (user_id, previous_entry_id, previous_balance) references gold_entry (user_id, entry_id, balance)
);
create index gold_entry_operation_id on gold_entry (operation_id);

alter table wallet add foreign key (user_id, last_entry_id, balance) references gold_entry (user_id, entry_id, balance);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'lines are only ever added to %', tg_table_name;
end
$$;
create trigger gold_entry_only_grows before update or delete or truncate on gold_entry
  for each statement execute function refuse_change();
