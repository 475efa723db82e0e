-- The truth, its history, and what is known of devices and their sessions. Every key starts
-- with the datastore, and nothing refers across datastores. Checkins are microseconds since
-- 1970; fingerprints are hex digits; values are canonical JSON.
create table datastore (
    id text not null primary key
) strict, without rowid;
