-- Where a session's device was when it opened: in the mode `slow` what it held then is compared,
-- wherever its window starts since.
alter table session add column since integer;
