//! Two devices changed the same record. Rules P-34, P-36, P-37, and P-59 where it decides.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::{Device, Synced};
use crate::http::{Caller, same};
use crate::run::Run;
use crate::talk::{Shared, deletion, edit, made, shared, whole, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-34", "T-4"],
        "with `changed` those fields change; one listed without a value is removed",
        changed,
    ),
    Check::of(
        &["P-34", "T-5"],
        "without `changed` the fields change that differ from the base",
        whole_values,
    ),
    Check::of(
        &["P-34", "T-10"],
        "a value that is no object is one field",
        one_field,
    ),
    Check::of(
        &["P-34", "T-6"],
        "a device's own newer word stands, and never conflicts",
        own_word,
    ),
    Check::of(
        &["P-36", "T-9"],
        "of two changes to a field the later push wins, and the earlier is kept",
        later_push,
    ),
    Check::of(
        &["P-36", "T-9"],
        "a conflict is kept once, however often the push is repeated",
        kept_once,
    ),
    Check::of(
        &["P-36", "T-9"],
        "the same value from two devices is no conflict",
        same_value,
    ),
    Check::of(
        &["P-36"],
        "a change that knew of the other is no conflict",
        known_change,
    ),
    Check::of(
        &["P-37", "T-11", "T-39"],
        "an edit survives a later deletion that did not know of it",
        edit_then_delete,
    ),
    Check::of(
        &["P-37", "T-11", "T-39"],
        "an edit brings back what was deleted without knowing of it",
        delete_then_edit,
    ),
    Check::of(
        &["P-37", "T-11"],
        "a deletion that knew of the edit deletes",
        known_deletion,
    ),
    Check::of(
        &["P-35", "T-8"],
        "who knew of a deletion puts the record back, be it with the value it had",
        put_back,
    ),
    Check::of(
        &["P-36", "T-37"],
        "by the policy `truth` what the truth holds wins, and `store` asks a person besides",
        truth_wins,
    ),
    Check::of(
        &["P-36", "T-37"],
        "by the policy `device` what is pushed wins",
        device_wins,
    ),
    Check::of(
        &["P-36", "T-38"],
        "by the policy `newest` the edit with the later `updated` wins, not the later push",
        newest_wins,
    ),
];

/// What a device is told of the record after its sync.
fn told<'a>(synced: &'a Synced, record: &Value) -> Checked<&'a Value> {
    synced.answer_to(&record["key"])
}

fn demand_value(synced: &Synced, record: &Value, value: &Value, why: &str) -> Checked {
    let holds = same(&told(synced, record)?["value"], value);
    synced
        .pull
        .demand(holds, &format!("the record is {value}: {why}"))
}

/// A device that holds a record as this value, and the record; another has pushed since what it makes
/// of it.
fn behind<'a>(
    caller: &'a Caller,
    value: &Value,
    makes: impl FnOnce(&Value) -> Value,
) -> Checked<(Device<'a>, Value)> {
    let mut pair = shared(caller, value)?;
    pair.one.sync(&[makes(&pair.record)])?;
    Ok((pair.two, pair.record))
}

fn changed(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut two, record) = behind(&caller, &json!({"a": 0, "b": 0, "c": 0}), |it| {
        edit(it, &json!({"a": 1}))
    })?;
    let removal = with(
        edit(&record, &json!({"d": 4})),
        &json!({"changed": ["c", "d"]}),
    );
    let synced = two.sync(&[removal])?;
    synced
        .push
        .is("/merged", &json!(1), "another device changed another field")?;
    synced
        .push
        .is("/conflicts", &json!(0), "no field was changed by both")?;
    let merged = json!({"a": 1, "b": 0, "d": 4});
    demand_value(
        &synced,
        &record,
        &merged,
        "`c` is removed, `d` is new, `a` is the other's",
    )
}

fn whole_values(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut two, record) = behind(&caller, &json!({"a": 0, "b": 0, "c": 0}), |it| {
        edit(it, &json!({"a": 1}))
    })?;
    let synced = two.sync(&[whole(&record, &json!({"a": 0, "b": 2}))])?;
    synced.push.is(
        "/conflicts",
        &json!(0),
        "`a` is as it was at the base: not changed here",
    )?;
    demand_value(
        &synced,
        &record,
        &json!({"a": 1, "b": 2}),
        "`b` changed, `c` was removed",
    )
}

fn one_field(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut two, record) = behind(&caller, &json!([1, 2]), |it| whole(it, &json!([1])))?;
    let synced = two.sync(&[whole(&record, &json!("two"))])?;
    synced
        .push
        .is("/conflicts", &json!(1), "both changed the value")?;
    demand_value(&synced, &record, &json!("two"), "the later push wins")
}

fn own_word(run: &Run) -> Checked {
    let caller = run.user()?;
    let Shared {
        mut one, record, ..
    } = shared(&caller, &json!({"a": 0}))?;
    for value in [1, 2, 1] {
        let change = json!({"a": value, "n": value});
        let synced = one.sync(&[edit(&record, &change)])?;
        synced
            .push
            .is("/conflicts", &json!(0), "nobody else has changed it")?;
        if value == 2 {
            demand_value(
                &synced,
                &record,
                &change,
                "its newer word, though the base is older",
            )?;
        }
    }
    Ok(())
}

/// Both devices change `a` of a record.
fn contested(caller: &Caller) -> Checked<(Shared<'_>, Synced)> {
    let mut pair = shared(caller, &json!({"a": 0, "b": 0}))?;
    pair.one
        .sync(&[edit(&pair.record, &json!({"a": 1, "b": 1}))])?;
    let synced = pair.two.sync(&[edit(&pair.record, &json!({"a": 2}))])?;
    Ok((pair, synced))
}

fn later_push(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut pair, synced) = contested(&caller)?;
    synced
        .push
        .is("/conflicts", &json!(1), "both changed `a`")?;
    let merged = json!({"a": 2, "b": 1});
    demand_value(
        &synced,
        &pair.record,
        &merged,
        "the later push wins `a`, `b` is merged",
    )?;
    let conflict = told(&synced, &pair.record)?["conflict"].clone();
    synced
        .pull
        .demand(conflict.is_string(), "`conflict` names what was stored")?;
    let other = pair.one.sync(&[])?;
    demand_value(&other, &pair.record, &merged, "everybody is told the same")?;
    let holds = told(&other, &pair.record)?["conflict"] == conflict;
    other
        .pull
        .demand(holds, "the version names its conflict to every device")
}

fn kept_once(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut pair, _) = contested(&caller)?;
    let before = pair.two.start()?["conflicts"]["open"].clone();
    for _ in 0..2 {
        let again = pair.two.sync(&[edit(&pair.record, &json!({"a": 2}))])?;
        again
            .push
            .is("/unchanged", &json!(1), "it was said before")?;
        again
            .push
            .is("/conflicts", &json!(0), "and is no new conflict")?;
    }
    let opened = pair.two.start()?;
    opened.is(
        "/conflicts/open",
        &before,
        "no more are unsettled than before",
    )
}

fn same_value(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut two, record) = behind(&caller, &json!({"a": 0}), |it| edit(it, &json!({"a": 1})))?;
    let synced = two.sync(&[edit(&record, &json!({"a": 1}))])?;
    synced
        .push
        .is("/unchanged", &json!(1), "the truth has this value")?;
    synced
        .push
        .is("/conflicts", &json!(0), "there is nothing to lose")
}

/// A device that has pulled another's change of `a`, and the record as it knows it.
fn seen(caller: &Caller) -> Checked<(Device<'_>, Value)> {
    let mut pair = shared(caller, &json!({"a": 0}))?;
    pair.one.sync(&[edit(&pair.record, &json!({"a": 1}))])?;
    pair.two.sync(&[])?;
    let newer = pair.two.held.at(&pair.record["key"]).clone();
    Ok((pair.two, newer))
}

fn known_change(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut two, newer) = seen(&caller)?;
    let synced = two.sync(&[edit(&newer, &json!({"a": 2}))])?;
    synced
        .push
        .is("/updated", &json!(1), "it was made on the other's change")?;
    synced
        .push
        .is("/conflicts", &json!(0), "so it overrides nothing unseen")
}

fn edit_then_delete(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut two, record) = behind(&caller, &json!({"a": 0}), |it| edit(it, &json!({"a": 1})))?;
    let synced = two.sync(&[deletion(&record)])?;
    synced
        .push
        .is("/conflicts", &json!(1), "a conflict is stored")?;
    demand_value(&synced, &record, &json!({"a": 1}), "the edit survives")
}

fn delete_then_edit(run: &Run) -> Checked {
    let caller = run.user()?;
    let Shared {
        mut one,
        mut two,
        record,
    } = shared(&caller, &json!({"a": 0, "b": 0}))?;
    let gone = one.sync(&[deletion(&record)])?;
    gone.push
        .is("/updated", &json!(1), "a deletion is an update")?;
    let synced = two.sync(&[edit(&record, &json!({"a": 1}))])?;
    synced
        .push
        .is("/conflicts", &json!(1), "a conflict is stored")?;
    demand_value(
        &synced,
        &record,
        &json!({"a": 1, "b": 0}),
        "the edit survives, whole",
    )?;
    let back = one.sync(&[])?;
    demand_value(
        &back,
        &record,
        &json!({"a": 1, "b": 0}),
        "the other device gets it back",
    )
}

fn known_deletion(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut two, newer) = seen(&caller)?;
    let synced = two.sync(&[deletion(&newer)])?;
    synced
        .push
        .is("/conflicts", &json!(0), "it knew of the edit")?;
    let holds = told(&synced, &newer)?["deleted"] == true;
    synced.pull.demand(holds, "the record is deleted")
}

fn put_back(run: &Run) -> Checked {
    let caller = run.user()?;
    let Shared {
        mut one, record, ..
    } = shared(&caller, &json!({"a": 0}))?;
    let gone = one.sync(&[deletion(&record)])?;
    let tombstone = told(&gone, &record)?.clone();
    let synced = one.sync(&[whole(&tombstone, &json!({"a": 0}))])?;
    demand_value(
        &synced,
        &record,
        &json!({"a": 0}),
        "it was put back by who knew of the deletion",
    )
}

/// Two devices change a record of an entity of its own, under a policy for that entity; what is
/// told to the second.
fn race(caller: &Caller, policy: &str, times: [&str; 2]) -> Checked<(Synced, Value, Value)> {
    let mut one = Device::new(caller);
    let entity = format!("conformance-{policy}-{}", &crate::talk::name()[..8]);
    let path = super::datastore_path(caller)?;
    let set = json!({"policies": {(entity.as_str()): policy}});
    let answer = caller
        .send("PATCH", &path, &[], set.to_string().as_bytes())?
        .done()?;
    answer.is(
        &format!("/policies/{entity}"),
        &json!(policy),
        "the owner has set it (P-59)",
    )?;
    let record = with(made(&json!("before")), &json!({"entity": entity}));
    let first = one.sync_one(&record)?;
    let record = first.answer_to(&record["key"])?.clone();
    let mut two = Device::new(caller);
    two.sync(&[])?;
    let before = two.start()?["conflicts"]["open"].clone();
    let push = |value: &str, updated: &str| {
        let more = json!({"entity": entity, "updated": updated});
        with(whole(&record, &json!(value)), &more)
    };
    one.sync(&[push("one", times[0])])?;
    let synced = two.sync(&[push("two", times[1])])?;
    let unset = json!({"policies": {(entity.as_str()): null}});
    caller
        .send("PATCH", &path, &[], unset.to_string().as_bytes())?
        .done()?;
    Ok((synced, record, before))
}

const IN_ORDER: [&str; 2] = ["2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z"];
const REVERSED: [&str; 2] = ["2026-11-22T06:00:00Z", "2026-11-22T05:00:00Z"];

fn truth_wins(run: &Run) -> Checked {
    let caller = run.user()?;
    for (policy, asked) in [("truth", 0), ("store", 1)] {
        let (synced, record, before) = race(&caller, policy, IN_ORDER)?;
        let why = format!("by `{policy}` the truth wins");
        demand_value(&synced, &record, &json!("one"), &why)?;
        synced
            .push
            .is("/conflicts", &json!(1), "what lost is stored")?;
        let open = before.as_u64().unwrap_or_default() + asked;
        let why = format!("by `{policy}` {asked} more wait for a person");
        synced.finish.is("/conflicts/open", &json!(open), &why)?;
    }
    Ok(())
}

fn device_wins(run: &Run) -> Checked {
    let caller = run.user()?;
    let (synced, record, before) = race(&caller, "device", REVERSED)?;
    demand_value(
        &synced,
        &record,
        &json!("two"),
        "by `device` what is pushed wins",
    )?;
    synced
        .finish
        .is("/conflicts/open", &before, "and nobody is asked")
}

fn newest_wins(run: &Run) -> Checked {
    let caller = run.user()?;
    for (times, winner) in [(IN_ORDER, "two"), (REVERSED, "one")] {
        let (synced, record, before) = race(&caller, "newest", times)?;
        let why = format!("its edit is the newer: {times:?}");
        demand_value(&synced, &record, &json!(winner), &why)?;
        synced
            .finish
            .is("/conflicts/open", &before, "and nobody is asked")?;
    }
    Ok(())
}
