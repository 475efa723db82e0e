-- A truth that was restored from an older backup finds out from the first device that claims a
-- checkin which it never issued: where its head was then, in the datastore; what it has in common
-- with a device that gives back, in the device's session.
alter table datastore add column came_back integer;
alter table session add column common integer;
