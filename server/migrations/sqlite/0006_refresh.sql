-- Where the truth was restored from an older backup, a device that refreshes cannot be told from an
-- older copy of itself: what it is said to have done up to here is not taken for known to it.
alter table session add column doubted_up_to integer;
