-- The purchase log. Lines are only ever added; a purchase that was undone is struck by a line of its own.
create table purchase (
  entry_id bigint generated always as identity primary key,
  purchase_id text not null unique,
  user_id uuid not null,
  item_id text not null,
  quantity int not null check (quantity > 0),
  price bigint not null check (price > 0),
  operation_id text not null unique,
  create_time timestamptz not null default now()
);
create table struck_purchase (
  entry_id bigint primary key references purchase,
  create_time timestamptz not null default now()
);

-- What sales brought in, and what was taken back. Lines are only ever added.
create table revenue_entry (
  entry_id bigint generated always as identity primary key,
  item_id text not null,
  -- All negative in a line that takes back.
  purchases int not null check (purchases in (-1, 1)),
  quantity int not null check (sign(quantity) = purchases),
  revenue bigint not null check (sign(revenue) = purchases),
  operation_id text not null,
  create_time timestamptz not null default now()
);

-- Their sums. Written by the trigger below alone, so that they are the sums whoever writes lines.
create table item_revenue (
  item_id text primary key,
  purchases bigint not null check (purchases >= 0),
  quantity bigint not null check (quantity >= 0),
  revenue bigint not null check (revenue >= 0)
);

create function add_revenue() returns trigger language plpgsql as $$
begin
  update item_revenue set purchases = purchases + new.purchases, quantity = quantity + new.quantity,
    revenue = revenue + new.revenue where item_id = new.item_id;
  -- Not at once by `on conflict`: what is taken back would be refused as a row that is less than nothing.
  if not found then
    insert into item_revenue as r (item_id, purchases, quantity, revenue)
    values (new.item_id, new.purchases, new.quantity, new.revenue)
    on conflict (item_id) do update set purchases = r.purchases + excluded.purchases,
      quantity = r.quantity + excluded.quantity, revenue = r.revenue + excluded.revenue;
  end if;
  return null;
end
$$;
create trigger revenue_adds_up after insert on revenue_entry for each row execute function add_revenue();

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'lines are only ever added to %', tg_table_name;
end
$$;
create trigger purchase_only_grows before update or delete or truncate on purchase
  for each statement execute function refuse_change();
create trigger struck_purchase_only_grows before update or delete or truncate on struck_purchase
  for each statement execute function refuse_change();
create trigger revenue_entry_only_grows before update or delete or truncate on revenue_entry
  for each statement execute function refuse_change();
