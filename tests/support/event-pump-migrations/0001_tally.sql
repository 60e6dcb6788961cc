create table written (number int primary key);
create table tally (key text primary key, n int not null, numbers int[] not null);
