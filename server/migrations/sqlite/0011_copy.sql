-- A device that gives back may be another copy of the one that has pushed since the truth was
-- restored: of the records that were made by that one it knows nothing but the local ids.
alter table session add column is_copy integer not null default 0;
