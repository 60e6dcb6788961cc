-- One row a player: whoever changes a bag locks it, so that what it may hold is counted by one at a time.
create table bag (user_id uuid primary key);

-- What a player has of one item. Holds the same number as the newest line about it; the two can't come apart.
create table bag_item (
  user_id uuid not null references bag,
  item_id text not null,
  quantity int not null constraint quantity_in_range check (quantity between 0 and 1000000000),
  -- How many of them are promised to a trade: the sum of the reservations that are held.
  reserved int not null default 0,
  last_entry_id bigint not null,
  primary key (user_id, item_id),
  constraint reserved_in_range check (reserved between 0 and quantity)
);

-- What came and went. Each line holds on to the one before it: the lines of a player's item are numbered without gaps, and each
-- quantity is the last one plus the amount. So the sum of the amounts is the quantity, whoever writes here.
create table item_entry (
  user_id uuid not null,
  item_id text not null,
  entry_id bigint not null check (entry_id > 0),
  amount int not null check (amount <> 0),
  quantity int not null check (quantity between 0 and 1000000000),
  kind text not null check (kind in ('purchase', 'purchase_undone', 'trade_in', 'trade_out', 'monster_drop', 'quest_reward')),
  operation_id text not null,
  create_time timestamptz not null default now(),
  previous_entry_id bigint generated always as (nullif(entry_id - 1, 0)) stored,
  previous_quantity int generated always as (quantity - amount) stored,
  primary key (user_id, item_id, entry_id),
  unique (user_id, item_id, entry_id, quantity),
  check (entry_id > 1 or quantity = amount),
  foreign key (user_id, item_id, previous_entry_id, previous_quantity) references item_entry (user_id, item_id, entry_id, quantity)
);
create index item_entry_operation_id on item_entry (operation_id);

alter table bag_item add foreign key (user_id, item_id, last_entry_id, quantity)
  references item_entry (user_id, item_id, entry_id, quantity);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'lines are only ever added to %', tg_table_name;
end
$$;
create trigger item_entry_only_grows before update or delete or truncate on item_entry
  for each statement execute function refuse_change();

-- Items promised to a trade, by the operation that promised them.
create table reservation (
  operation_id text primary key,
  user_id uuid not null references bag,
  status text not null default 'held' check (status in ('held', 'released', 'exchanged')),
  create_time timestamptz not null default now()
);
create table reservation_item (
  operation_id text not null references reservation,
  item_id text not null,
  quantity int not null check (quantity > 0),
  primary key (operation_id, item_id)
);

-- Sessions whose access tokens are refused although they have not expired. Told by auth.
create table ended_session (
  session_id uuid primary key,
  expire_time timestamptz not null
);
create index ended_session_expire_time on ended_session (expire_time);
