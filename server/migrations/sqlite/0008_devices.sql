-- What is fixed for a device, by itself or by its people: the one way in which it syncs (null: as it
-- asks), whether the receiving side is made equal, and the mode of its next session. One that was
-- forgotten stays as the counter of its commits, so that none is counted twice.
alter table device add column direction text;
alter table device add column mirror integer not null default 0;
alter table device add column reset text;
alter table device add column forgotten integer not null default 0;
