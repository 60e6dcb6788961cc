-- How many sagas of a type are at a status: the sum of its shards, of which there are several so that sagas that end at once do not
-- wait for one row. Kept in the transactions that change `saga`.
create table saga_total (
  type text not null,
  status text not null,
  shard int not null,
  -- Of one shard alone it may be negative.
  count bigint not null,
  primary key (type, status, shard)
);
insert into saga_total select type, status, 0, count(*) from saga group by type, status;

-- For how long those took that settled last.
create index saga_settled on saga (type, settle_time desc) where settle_time is not null;
