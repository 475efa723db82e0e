-- What compaction has come to, and how it finds what it drops. The truth is whole, value by
-- value, at every moment from `history_from` on; commits from `fingerprints_from` on have their
-- fingerprints, and the versions that those are made of.

alter table datastore add column history_from integer;
alter table datastore add column fingerprints_from integer;

-- Those that still have a value come first; so neither half is read for the other.
create index version_superseded on version (datastore, value is null, superseded)
    where superseded is not null;

create index version_tombstone on version (datastore, checkin)
    where deleted = 1 and superseded is null;

create index client_state_key on client_state (datastore, key);

insert into sqlite_stat1 (tbl, idx, stat) values
    ('version', 'version_superseded', '1000000 100000 50000 100'),
    ('version', 'version_tombstone', '100000 10000 10'),
    ('client_state', 'client_state_key', '1000 100 10');
analyze sqlite_schema;
