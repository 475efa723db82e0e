//! What is known of devices, and where they hold otherwise than the truth.

use super::check::{Check, is_no_commit, is_no_hex, is_no_uuid};

pub(super) const CHECKS: [Check; 9] = [
    Check {
        select: concat!(
            "select 'device ' || device_uuid from device where datastore = ?1 and ",
            is_no_commit!("last_sync")
        ),
        wrong: "its `last_sync` is no commit",
        mend: "set it to the newest commit before it; the device tells its own when it opens",
        repair: Some(
            "update device set last_sync = (select max(checkin) from commits \
               where datastore = ?1 and checkin <= device.last_sync) \
             where datastore = ?1 and last_sync is not null and not exists (select 1 from commits \
               where commits.datastore = ?1 and commits.checkin = device.last_sync)",
        ),
    },
    Check {
        select: concat!(
            "select 'device ' || device_uuid from device where datastore = ?1 and (",
            is_no_uuid!("device_uuid"),
            " or ",
            is_no_uuid!("attempt"),
            ")"
        ),
        wrong: "its name, or its last attempt, is no UUID",
        mend: "delete a row without a name; set a wrong `attempt` to null, so that the device's next \
               open is taken",
        repair: None,
    },
    Check {
        select: "select 'device ' || device_uuid from device where datastore = ?1 \
            and (direction not in ('pull', 'push') or mirror not in (0, 1) \
            or mirror = 1 and direction is null \
            or reset not in ('repair', 'refresh', 'pull_truth'))",
        wrong: "what is fixed for it cannot be read, or is a mirror of both directions",
        mend: "set `direction` and `reset` to null and `mirror` to 0, and fix them anew with \
               `tidemark devices`",
        repair: None,
    },
    Check {
        select: concat!(
            "select 'device ' || device_uuid from device where datastore = ?1 and ",
            is_no_hex!("fingerprint", "64")
        ),
        wrong: "the fingerprint that it told last cannot be read",
        mend: "set it to null: the device tells its own when it opens",
        repair: Some(concat!(
            "update device set fingerprint = null where datastore = ?1 and ",
            is_no_hex!("fingerprint", "64")
        )),
    },
    Check {
        select: "select 'device ' || device_uuid from device where datastore = ?1 and tick < \
            (select max(device_tick) from version indexed by version_window \
             where version.datastore = ?1 and version.device = device.device_uuid \
             and version.checkin = (select max(checkin) from commits \
               where commits.datastore = ?1 and commits.device = device.device_uuid))",
        wrong: "it has made more commits than `tick` counts",
        mend: "set `tick` to the highest `device_tick` of its versions",
        repair: Some(
            "update device set tick = max(tick, coalesce((select max(device_tick) from version \
             where version.datastore = ?1 and version.device = device.device_uuid), 0)) \
             where datastore = ?1",
        ),
    },
    Check {
        select: "select 'device ' || device || ', record ' || key from client_state \
            where datastore = ?1 and not exists (select 1 from device \
            where device.datastore = ?1 and device.device_uuid = client_state.device)",
        wrong: "it is kept of a device that is not known",
        mend: "delete the row from `client_state`",
        repair: Some(
            "delete from client_state where datastore = ?1 and not exists (select 1 from device \
             where device.datastore = ?1 and device.device_uuid = client_state.device)",
        ),
    },
    Check {
        select: concat!(
            "select 'device ' || device || ', record ' || key from client_state \
             where datastore = ?1 and ",
            is_no_commit!("client_state.checkin")
        ),
        wrong: "what the device holds of it is of no commit",
        mend: "delete the row from `client_state`: the device is repaired at its next sync",
        repair: Some(concat!(
            "delete from client_state where datastore = ?1 and ",
            is_no_commit!("client_state.checkin")
        )),
    },
    Check {
        select: concat!(
            "select 'device ' || device || ', record ' || key from client_state \
             where datastore = ?1 and ",
            is_no_hex!("held", "32")
        ),
        wrong: "the fingerprint of what the device holds of it cannot be read",
        mend: "delete the row from `client_state`: the device is repaired at its next sync",
        repair: Some(concat!(
            "delete from client_state where datastore = ?1 and ",
            is_no_hex!("held", "32")
        )),
    },
    Check {
        select: "select 'device ' || device || ', record ' || key from client_state \
            where datastore = ?1 and not exists (select 1 from version \
            where version.datastore = ?1 and version.key = client_state.key)",
        wrong: "the device is said to hold something of it, and there is no such record",
        mend: "delete the row from `client_state`: the device is repaired at its next sync",
        repair: Some(
            "delete from client_state where datastore = ?1 and not exists (select 1 from version \
             where version.datastore = ?1 and version.key = client_state.key)",
        ),
    },
];
