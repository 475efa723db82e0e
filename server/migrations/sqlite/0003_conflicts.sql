-- What an owner has set for a datastore; null: as the operator has it. `policies` is JSON.
alter table datastore add column policies text;
alter table datastore add column airbag_deletes integer;
alter table datastore add column airbag_percent integer;

-- The wall clocks of both sides, where they are known; and what a person has decided, as JSON. A
-- conflict that is settled, and not so, was settled by a policy.
alter table conflict add column truth_updated text;
alter table conflict add column device_updated text;
alter table conflict add column settled_as text;

create index conflict_open on conflict (datastore, checkin, id) where settled is null;
create index conflict_settled on conflict (datastore, checkin, id) where settled is not null;

insert into sqlite_stat1 (tbl, idx, stat) values
    ('conflict', 'conflict_open', '1000 100 2 1'),
    ('conflict', 'conflict_settled', '10000 1000 2 1');
analyze sqlite_schema;
