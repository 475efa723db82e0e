-- Which device replaced the truth, at `truth_pushed`.
alter table datastore add column truth_pushed_by text;

-- Which way records flow in a session, whether the receiving side is made equal to the sending one,
-- and how many records its reconciling has deleted, or is to delete at this base: `asked` 2 in
-- `reconciled`, whose `checkin` is that base, null where the device knew of nothing.
alter table session add column direction text not null default 'both';
alter table session add column mirror integer not null default 0;
alter table session add column deleted integer not null default 0;
