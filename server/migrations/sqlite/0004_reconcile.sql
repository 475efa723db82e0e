-- What a session was told, or asked for, when it reconciled: the version of a record that was sent,
-- or of its tombstone; or that the device is to push the record, holding what the truth never held.
create table reconciled (
    datastore text    not null,
    sync_uuid text    not null,
    key       text    not null,
    checkin   integer,
    asked     integer not null,
    primary key (datastore, sync_uuid, key)
) strict, without rowid;

-- The truth as of `sums_at`, summed up: each row the live records from its key to before the next
-- row's. Folded forwards now and then, never by pushes; null: there are no rows.
create table range_sum (
    datastore   text    not null,
    from_key    text    not null,
    count       integer not null,
    fingerprint text    not null,
    primary key (datastore, from_key)
) strict, without rowid;

alter table datastore add column sums_at integer;

insert into sqlite_stat1 (tbl, idx, stat) values
    ('reconciled', 'reconciled', '200000 20000 10000 1'),
    ('range_sum', 'range_sum', '20000 2000 1');
analyze sqlite_schema;
