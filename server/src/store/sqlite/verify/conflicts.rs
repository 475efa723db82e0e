//! What lost, and waits for a person or was settled.

use super::check::{Check, is_no_uuid};

pub(super) const CHECKS: [Check; 6] = [
    Check {
        select: "select 'conflict ' || id from conflict where datastore = ?1 \
            and not exists (select 1 from commits where commits.datastore = ?1 \
            and commits.checkin = conflict.checkin)",
        wrong: "it is of a checkin that is no commit",
        mend: "set its `checkin` to the newest commit before it",
        repair: None,
    },
    Check {
        select: "select 'conflict ' || id from conflict where datastore = ?1 \
            and settled is null and not exists (select 1 from version \
              where version.datastore = ?1 and version.key = conflict.key) \
            and not exists (select 1 from local_key where local_key.datastore = ?1 \
              and local_key.local_id = conflict.key)",
        wrong: "it waits for a person, and its record is not known",
        mend: "restore the record from a backup, or set `settled` to the head",
        repair: None,
    },
    Check {
        select: "select 'conflict ' || id from conflict where datastore = ?1 \
            and settled is not null and not exists (select 1 from commits \
            where commits.datastore = ?1 and commits.checkin = conflict.settled)",
        wrong: "it was settled at a checkin that is no commit",
        mend: "set `settled` to the newest commit before it, or to null: then it waits for a person",
        repair: None,
    },
    Check {
        select: concat!(
            "select 'conflict ' || id from conflict where datastore = ?1 \
             and (not json_valid(fields) or json_type(fields) is not 'array' \
             or not json_valid(truth) or not json_valid(device) \
             or not json_valid(settled_as) or truth is null and device is null \
             or truth_updated not glob '????-??-??*' or device_updated not glob '????-??-??*' or ",
            is_no_uuid!("truth_device"),
            " or ",
            is_no_uuid!("device_uuid"),
            ")"
        ),
        wrong: "a side of it, its fields, its devices or its decision cannot be read",
        mend: "restore the row from a backup, or put null where a value cannot be read; a conflict \
               that nobody can be shown is settled by setting `settled` to the head",
        repair: None,
    },
    Check {
        select: "select 'conflict ' || id from conflict where datastore = ?1 \
            and entity <> (select entity from version where version.datastore = ?1 \
            and version.key = conflict.key order by checkin desc limit 1)",
        wrong: "its entity is not the record's",
        mend: "set `entity` to that of the record's versions",
        repair: Some(
            "update conflict set entity = coalesce((select entity from version \
             where version.datastore = ?1 and version.key = conflict.key \
             order by checkin desc limit 1), entity) where datastore = ?1",
        ),
    },
    Check {
        select: "select 'record ' || key from version where datastore = ?1 \
            and conflict is not null and not exists (select 1 from conflict \
            where conflict.datastore = ?1 and conflict.id = version.conflict)",
        wrong: "it names a conflict that there is not",
        mend: "restore the conflict from a backup, or set `conflict` of the version to null",
        repair: None,
    },
];
