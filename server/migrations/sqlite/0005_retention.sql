-- How long a datastore keeps what it no longer needs, in seconds, where its owner has set it.
alter table datastore add column keep_history integer;
alter table datastore add column keep_tombstones integer;
