-- The truth, its history, and what is known of devices and their sessions. Every key starts
-- with the datastore, save that a session is looked up by its own name, and nothing refers
-- across datastores. Checkins are microseconds since 1970; fingerprints are hex digits;
-- values are canonical JSON.

create table datastore (
    id                text    not null primary key,
    owner             text    not null unique,
    head              integer not null,
    forgotten         integer,
    truth_pushed      integer,
    fingerprint       text    not null,
    live              integer not null,
    conflicts_open    integer not null default 0,
    conflicts_changed integer,
    schema            text
) strict, without rowid;

create table member (
    datastore text not null references datastore (id),
    user      text not null,
    role      text not null,
    primary key (datastore, user)
) strict, without rowid;

-- Compaction may drop a fingerprint, never a commit.
create table commits (
    datastore   text    not null references datastore (id),
    checkin     integer not null,
    device      text,
    fingerprint text,
    primary key (datastore, checkin)
) strict, without rowid;

-- Live from `checkin` until `superseded`. Values are appended to the table; what orders them
-- is small: by key for look-ups and history, by checkin for windows, which are counted and
-- paged on the index alone.
create table version (
    datastore   text    not null,
    key         text    not null,
    checkin     integer not null,
    superseded  integer,
    entity      text    not null,
    value       text,
    created     text,
    updated     text,
    device      text    not null,
    device_tick integer not null,
    deleted     integer not null,
    stamps      text    not null,
    fingerprint text,
    conflict    text,
    primary key (datastore, key, checkin)
) strict;

create index version_window on version (datastore, checkin, key, superseded, deleted);

-- `key` is null where the record was deleted before the truth ever knew it, and then so is
-- `checkin`, that of the first version made under the name.
create table local_key (
    datastore text    not null,
    local_id  text    not null,
    key       text,
    device    text    not null,
    checkin   integer,
    confirmed integer not null default 0,
    primary key (datastore, local_id)
) strict, without rowid;

create index local_key_key on local_key (datastore, key);
create index local_key_unconfirmed on local_key (datastore, device, key) where confirmed = 0;

create table device (
    datastore   text    not null references datastore (id),
    device_uuid text    not null,
    user        text    not null,
    name        text,
    last_sync   integer,
    fingerprint text,
    attempt     text,
    tick        integer not null default 0,
    seen        integer not null,
    primary key (datastore, device_uuid)
) strict, without rowid;

-- Exceptions only: what a device holds of a key instead of the truth's version, until one newer
-- than `checkin`; null: nothing. Where it has not taken that version it is `owed` it.
create table client_state (
    datastore text    not null,
    device    text    not null,
    key       text    not null,
    checkin   integer not null,
    held      text,
    owed      integer not null,
    primary key (datastore, device, key)
) strict, without rowid;

-- One a device. Its window starts after `from`, and it was sent all up to `pulled`, after which
-- so many were `remaining`.
create table session (
    sync_uuid      text    not null primary key,
    datastore      text    not null,
    device         text    not null,
    user           text    not null,
    mode           text    not null,
    last_sync      integer,
    max_checkin    integer not null,
    tombstones     integer not null,
    from_checkin   integer,
    from_key       text,
    pulled_checkin integer,
    pulled_key     text,
    remaining      integer,
    acked          integer not null default 0,
    touched        integer not null,
    unique (datastore, device)
) strict, without rowid;

create index session_touched on session (touched);

create table staged (
    datastore text    not null,
    sync_uuid text    not null,
    seq       integer not null,
    count     integer not null,
    records   text    not null,
    primary key (datastore, sync_uuid, seq)
) strict;

-- What a session pushed and must be answered: the fingerprint of the last whole value that it
-- gave, and the conflict that its push lost. `checkin` is that of the truth's version, null
-- where there is none; it is `fresh` where this very push made it, so that the window has it.
create table pushed (
    datastore   text    not null,
    sync_uuid   text    not null,
    key         text    not null,
    local_id    text,
    checkin     integer,
    fresh       integer not null,
    fingerprint text,
    conflict    text,
    primary key (datastore, sync_uuid, key)
) strict, without rowid;

create index pushed_early on pushed (datastore, sync_uuid, checkin, key) where fresh = 0;

-- What a session has acked, until its finish.
create table acked (
    datastore   text not null,
    sync_uuid   text not null,
    key         text not null,
    fingerprint text,
    rejected    text,
    primary key (datastore, sync_uuid, key)
) strict, without rowid;

-- What lost, kept until it is settled. A side is null where it deleted the record; `fields` is
-- a JSON array, empty where the record as a whole is meant.
create table conflict (
    datastore    text    not null,
    id           text    not null,
    key          text    not null,
    checkin      integer not null,
    entity       text    not null,
    fields       text    not null,
    base         integer,
    truth        text,
    device       text,
    truth_device text    not null,
    device_uuid  text    not null,
    settled      integer,
    primary key (datastore, id)
) strict, without rowid;

create index conflict_key on conflict (datastore, key);

-- How the tables are shaped when they matter: few datastores, many records, few exceptions. The
-- planner would otherwise believe that a datastore has ten rows, and read all of them to find one
-- key. These never change, so that every database runs every statement in the same way.
analyze;
delete from sqlite_stat1;
insert into sqlite_stat1 (tbl, idx, stat) values
    ('datastore', 'datastore', '10 1'),
    ('datastore', 'sqlite_autoindex_datastore_2', '10 1'),
    ('member', 'member', '10 1 1'),
    ('commits', 'commits', '100000 10000 1'),
    ('version', 'sqlite_autoindex_version_1', '2000000 200000 2 1'),
    ('version', 'version_window', '2000000 200000 100 1 1 1'),
    ('local_key', 'local_key', '1000000 100000 1'),
    ('local_key', 'local_key_key', '1000000 100000 1'),
    ('local_key', 'local_key_unconfirmed', '20000 2000 200 1'),
    ('device', 'device', '100 10 1'),
    ('client_state', 'client_state', '1000 100 10 1'),
    ('session', 'session', '100 1'),
    ('session', 'sqlite_autoindex_session_2', '100 10 1'),
    ('session', 'session_touched', '100 1'),
    ('staged', 'sqlite_autoindex_staged_1', '1000 100 50 1'),
    ('pushed', 'pushed', '200000 20000 10000 1'),
    ('pushed', 'pushed_early', '20000 2000 1000 10 1'),
    ('acked', 'acked', '200000 20000 10000 1'),
    ('conflict', 'conflict', '10000 1000 1'),
    ('conflict', 'conflict_key', '10000 1000 2');
analyze sqlite_schema;
