//! A datastore's own row, its members and its commits.

use super::check::{Check, is_no_commit, is_no_uuid};

pub(super) const CHECKS: [Check; 9] = [
    Check {
        select: "select 'its row' from datastore where id = ?1 \
            and head is not (select max(checkin) from commits where datastore = ?1)",
        wrong: "its head is not its newest commit",
        mend: "set `head` to the newest checkin in `commits`",
        repair: None,
    },
    Check {
        select: "select 'its row' from datastore where id = ?1 and head < max( \
            coalesce(forgotten, head), coalesce(history_from, head), \
            coalesce(fingerprints_from, head), coalesce(truth_pushed, head), \
            coalesce(conflicts_changed, head), coalesce(came_back, head))",
        wrong: "`forgotten`, or another of its bounds, is later than the head",
        mend: "set it to the head at most",
        repair: None,
    },
    Check {
        select: concat!(
            "select 'its row' from datastore where id = ?1 and (",
            is_no_commit!("conflicts_changed"),
            " or ",
            is_no_commit!("truth_pushed"),
            " or ",
            is_no_uuid!("truth_pushed_by"),
            ")"
        ),
        wrong: "its conflicts changed, or its truth was replaced, at a checkin that is no commit, or by nobody",
        mend: "set `conflicts_changed`, or `truth_pushed`, to the next commit after it; where \
               `truth_pushed_by` is none, set it to the nil UUID: then every device pulls the truth",
        repair: None,
    },
    Check {
        select: "select 'its row' from datastore where id = ?1 and conflicts_open <> \
            (select count(*) from conflict where datastore = ?1 and settled is null)",
        wrong: "the number of its unsettled conflicts is not `conflicts_open`",
        mend: "set `conflicts_open` to how many rows of `conflict` are not settled",
        repair: Some(
            "update datastore set conflicts_open = (select count(*) from conflict \
             where datastore = ?1 and settled is null) where id = ?1",
        ),
    },
    Check {
        select: "select 'its row' from datastore where id = ?1 and not json_valid(policies)",
        wrong: "its conflict policies cannot be read",
        mend: "set `policies` to null: then the operator's hold, until its owner sets others",
        repair: None,
    },
    Check {
        select: "select 'its row' from datastore where id = ?1 \
            and ((airbag_deletes is null) <> (airbag_percent is null) \
              or (keep_history is null) <> (keep_tombstones is null) \
              or airbag_deletes < 0 or airbag_percent not between 0 and 100 \
              or keep_history < 0 or keep_tombstones < keep_history)",
        wrong: "what its owner has set for airbag or retention is not whole",
        mend: "set both of the pair to null: then the operator's hold, until the owner sets others",
        repair: None,
    },
    Check {
        select: "select 'owner ' || owner from datastore where id = ?1 and not exists \
            (select 1 from member where datastore = ?1 and user = owner and role = 'owner')",
        wrong: "they are no member of it, or not as its owner",
        mend: "set them in `member` as `owner`",
        repair: Some(
            "insert into member (datastore, user, role) select id, owner, 'owner' \
             from datastore where id = ?1 \
             on conflict (datastore, user) do update set role = excluded.role",
        ),
    },
    Check {
        select: concat!(
            "select 'commit ' || checkin from commits where datastore = ?1 and ",
            is_no_uuid!("device")
        ),
        wrong: "its device is none",
        mend: "set `device` to that of its versions, or to null",
        repair: None,
    },
    Check {
        select: "select 'its row' from datastore where id = ?1 and fingerprint is not \
            (select fingerprint from commits where datastore = ?1 \
             and commits.checkin = datastore.head)",
        wrong: "its fingerprint is not that of its newest commit",
        mend: "set the one that differs from what the live records come to, told above, to that",
        repair: None,
    },
];
