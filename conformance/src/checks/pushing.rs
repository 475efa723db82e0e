//! What becomes of pushed records. Rules P-31 to P-33, P-35, P-38 to P-41.

use serde_json::{Value, json};

use crate::check::{Check, Checked, Miss};
use crate::device::Device;
use crate::fingerprint::derived_key;
use crate::http::{Caller, same};
use crate::run::Run;
use crate::talk::{CREATED, all_shared, deletion, edit, made, many, name, shared, whole, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-31"],
        "staged batches become one commit when the push closes",
        batches,
    ),
    Check::of(
        &["P-31"],
        "a `seq` that is sent again replaces its batch",
        replaced_batch,
    ),
    Check::of(
        &["P-31", "P-17"],
        "what a session staged is forgotten with it",
        forgotten_batch,
    ),
    Check::of(
        &["P-32"],
        "each distinct record is counted once, under one name",
        counts,
    ),
    Check::of(
        &["P-32"],
        "`index` of a rejected record counts through the push's batches",
        indices,
    ),
    Check::of(
        &["P-32", "T-8"],
        "a push that changes nothing commits nothing, and moves the session's end to the head",
        empty_push,
    ),
    Check::of(
        &["P-33", "T-2"],
        "a `local_id` pushed again makes no second record",
        local_id_again,
    ),
    Check::of(
        &["P-33", "T-2"],
        "pushed again, it reverts nobody's later change",
        reverts_nobody,
    ),
    Check::of(
        &["P-33", "T-2"],
        "pushed again with another value, it updates the record it made",
        local_id_edited,
    ),
    Check::of(
        &["P-35", "T-7"],
        "a repeated change changes nothing, whatever came after",
        repeated_edit,
    ),
    Check::of(
        &["P-35", "T-8"],
        "a value from before a tombstone brings nothing back by being repeated",
        repeated_value,
    ),
    Check::of(
        &["P-38", "T-12"],
        "a record that was deleted while pending is dead, and stays so",
        dead_pending,
    ),
    Check::of(
        &["P-38", "T-12"],
        "pending and deleted, a known `local_id` is deleted",
        deleted_by_local_id,
    ),
    Check::of(
        &["P-38", "T-13"],
        "deleting twice, or what was never known, is `unchanged` and answered as deleted",
        deleted_twice,
    ),
    Check::of(
        &["P-39", "T-14"],
        "an unknown key is made again from a whole value",
        unknown_key,
    ),
    Check::of(
        &["P-39", "T-14"],
        "from a part of a value it is rejected with `need_whole`",
        need_whole,
    ),
    Check::of(
        &["P-40", "T-16"],
        "several records for one key are one version, in their order",
        one_version,
    ),
    Check::of(
        &["P-40", "T-16"],
        "of two whole values for a key and its `local_id` the earlier is kept as a conflict",
        two_whole,
    ),
    Check::of(
        &["P-41", "T-18"],
        "a push that deletes too much gets 423 with `deletes`, `changes`, `live`; nothing was done",
        airbag,
    ),
    Check::of(
        &["P-41", "T-18"],
        "a push that deletes fewer than 20 records passes",
        few_deletions,
    ),
];

fn batches(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, mut witness) = (Device::new(&caller), Device::new(&caller));
    device.start()?;
    let (first, second) = (many(2), many(1));
    let staged = device
        .tries_to_push(&first, &json!({"seq": 0, "more": true}))?
        .done()?;
    staged.is("", &json!({"staged": 2}), "a batch with `more` is staged")?;
    witness.start()?;
    let (page, records) = witness.pull()?;
    let is_one = |it: &Value| first.iter().any(|made| derived_of(made) == it["key"]);
    page.demand(
        !records.iter().any(is_one),
        "what is staged is not in the truth",
    )?;
    let closed = device
        .tries_to_push(&second, &json!({"seq": 1, "more": false}))?
        .done()?;
    closed.is(
        "/created",
        &json!(3),
        "all batches are mingled when the push closes",
    )?;
    let (page, records) = device.pull()?;
    let ours = records.iter().filter(|it| it["local_id"].is_string());
    let one_commit = ours.clone().count() == 3
        && ours
            .clone()
            .all(|it| it["checkin"] == closed["max_checkin"]);
    page.demand(one_commit, "three records, all of one commit")
}

fn derived_of(record: &Value) -> String {
    derived_key(record["key"].as_str().unwrap_or_default(), CREATED.1)
}

fn replaced_batch(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let mut stage = |seq: u64, records: &[Value], more: bool| {
        device
            .tries_to_push(records, &json!({"seq": seq, "more": more}))?
            .done()
    };
    stage(0, &many(2), true)?;
    stage(1, &many(1), true)?.is("/staged", &json!(3), "all that is staged")?;
    stage(0, &many(3), true)?.is("/staged", &json!(4), "batch 0 was replaced")?;
    stage(2, &many(1), false)?.is("/created", &json!(5), "3 of batch 0, 1 each of the others")
}

fn forgotten_batch(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    device
        .tries_to_push(&many(2), &json!({"more": true}))?
        .done()?;
    device.start()?;
    let closed = device.push(&many(1))?;
    closed.is(
        "/received",
        &json!(1),
        "a new session begins with nothing staged",
    )
}

fn counts(run: &Run) -> Checked {
    let caller = run.user()?;
    let value = json!({"a": 1, "b": 1});
    let (mut one, mut two, records) = all_shared(&caller, &vec![value.clone(); 4])?;
    two.sync(&[edit(&records[1], &json!({"b": 2}))])?;
    one.start()?;
    let pushed = one.push(&[
        edit(&records[0], &json!({"a": 2})),
        edit(&records[1], &json!({"a": 2})),
        edit(&records[2], &json!({"a": 1})),
        deletion(&records[3]),
        made(&value),
        json!({"key": name(), "is_pending": true}),
    ])?;
    for (count, number, why) in [
        ("received", 6, "distinct records"),
        ("created", 1, "the new one"),
        ("updated", 2, "an edit, and a deletion"),
        ("merged", 1, "an edit of what another device has changed"),
        ("unchanged", 1, "the value that it has"),
        ("conflicts", 0, "no field was changed by both"),
    ] {
        pushed.is(&format!("/{count}"), &json!(number), why)?;
    }
    let rejected = pushed.list("/rejected")?.len();
    pushed.demand(rejected == 1, "one has no value, and is rejected")
}

fn indices(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let wrong = json!({"key": name(), "is_pending": true});
    device
        .tries_to_push(&many(3), &json!({"seq": 0, "more": true}))?
        .done()?;
    let last = [made(&json!(1)), wrong];
    let closed = device.tries_to_push(&last, &json!({"seq": 1}))?.done()?;
    closed.is(
        "/rejected/0/index",
        &json!(4),
        "3 of the first batch, then 1",
    )?;
    closed.is("/received", &json!(5), "of both batches")
}

fn empty_push(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 1}))?;
    let (mut one, mut two) = (pair.one, pair.two);
    one.start()?;
    let newer = two.sync(&[made(&json!("new"))])?.push["max_checkin"].clone();
    let pushed = one.push(&[whole(&pair.record, &json!({"a": 1}))])?;
    pushed.is("/unchanged", &json!(1), "the truth has this value")?;
    pushed.is(
        "/max_checkin",
        &newer,
        "the head as of the push, and no newer commit",
    )?;
    let (page, records) = one.pull()?;
    let is_seen = records.iter().any(|it| it["value"] == "new");
    page.demand(is_seen, "the session now pulls up to there")
}

fn local_id_again(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let record = made(&json!({"a": 1}));
    device.start()?;
    device
        .push_one(&record)?
        .is("/created", &json!(1), "it is new")?;
    device
        .push_one(&record)?
        .is("/unchanged", &json!(1), "in the same session")?;
    let again = device.sync_one(&record)?;
    again.push.is(
        "/created",
        &json!(0),
        "no second record, in a later session either",
    )?;
    again
        .push
        .is("/unchanged", &json!(1), "it is there already")?;
    let key = derived_of(&record);
    let told = again.answer_to(&record["key"])?;
    again.pull.demand(
        told["key"] == key.as_str(),
        "it is answered with the key it got first",
    )?;
    let holds = told["local_id"] == record["key"];
    again
        .pull
        .demand(holds, "and with the `local_id` that was pushed")
}

/// A device has pushed a record and was never answered, and another has changed its `a` since: the
/// first device, and the record as it pushed it.
fn unanswered_and_edited(caller: &Caller) -> Checked<(Device<'_>, Value)> {
    let (mut one, mut two) = (Device::new(caller), Device::new(caller));
    let record = made(&json!({"a": 1, "b": 1}));
    one.start()?;
    one.push_one(&record)?;
    two.sync(&[])?;
    let held = two.held.at(&json!(derived_of(&record))).clone();
    two.sync(&[edit(&held, &json!({"a": 2}))])?;
    Ok((one, record))
}

fn reverts_nobody(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, record) = unanswered_and_edited(&caller)?;
    let again = one.sync_one(&record)?;
    again
        .push
        .is("/conflicts", &json!(0), "a repeated push says nothing new")?;
    let told = again.answer_to(&record["key"])?;
    let holds = same(&told["value"], &json!({"a": 2, "b": 1}));
    again.pull.demand(holds, "the other device's `a` stays")
}

fn local_id_edited(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, record) = unanswered_and_edited(&caller)?;
    let edited = with(record.clone(), &json!({"value": {"a": 1, "b": 3}}));
    let again = one.sync(&[edited])?;
    again.push.is("/created", &json!(0), "no second record")?;
    let told = again.answer_to(&record["key"])?;
    let holds = same(&told["value"], &json!({"a": 2, "b": 3}));
    let why = "what differs from what the first push made changes: `b`, and not `a`";
    again.pull.demand(holds, why)
}

fn repeated_edit(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0}))?;
    let (mut one, mut two) = (pair.one, pair.two);
    let change = edit(&pair.record, &json!({"a": 1}));
    one.sync_one(&change)?;
    two.sync(&[])?;
    let newer = two.held.at(&pair.record["key"]).clone();
    two.sync(&[edit(&newer, &json!({"a": 2}))])?;
    let again = one.sync(&[change])?;
    again
        .push
        .is("/unchanged", &json!(1), "it was said before")?;
    again
        .push
        .is("/conflicts", &json!(0), "and conflicts with nothing")?;
    let told = again.answer_to(&pair.record["key"])?;
    again.pull.demand(
        same(&told["value"], &json!({"a": 2})),
        "what came after stays",
    )
}

fn repeated_value(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two) = (Device::new(&caller), Device::new(&caller));
    let record = made(&json!({"a": 1}));
    one.sync_one(&record)?;
    two.sync(&[])?;
    let held = two.held.at(&json!(derived_of(&record))).clone();
    let gone = two.sync(&[deletion(&held)])?;
    gone.push
        .is("/updated", &json!(1), "a deletion is an update")?;
    let again = one.sync_one(&record)?;
    again
        .push
        .is("/unchanged", &json!(1), "it was said before")?;
    let told = again.answer_to(&record["key"])?;
    again.pull.demand(
        told["deleted"] == true,
        "it stays deleted, and is answered so",
    )
}

fn dead_pending(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let local_id = name();
    let dead = json!({"key": local_id, "is_pending": true, "deleted": true});
    let synced = device.sync(&[dead])?;
    synced.push.is("/created", &json!(0), "nothing is made")?;
    let told = synced.answer_to(&json!(local_id))?;
    let holds = told["key"] == local_id.as_str() && told["local_id"] == local_id.as_str();
    synced.pull.demand(
        holds,
        "it comes back under that id, as `key` and `local_id`",
    )?;
    let holds = told["deleted"] == true && told["checkin"] == synced.push["max_checkin"];
    synced.pull.demand(holds, "as deleted, at `max_checkin`")?;
    // The first push arrives late.
    let late = with(made(&json!(1)), &json!({"key": local_id}));
    let synced = device.sync(&[late])?;
    let told = synced.answer_to(&json!(local_id))?;
    synced
        .pull
        .demand(told["deleted"] == true, "it is remembered as dead")?;
    let mut witness = Device::new(&caller);
    let pulled = witness.sync(&[])?;
    let key = derived_key(&local_id, CREATED.1);
    let lives = witness.held.0.contains_key(&key) || witness.held.0.contains_key(&local_id);
    pulled.pull.demand(!lives, "nobody is told such a record")
}

fn deleted_by_local_id(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let record = made(&json!(1));
    device.start()?;
    device.push_one(&record)?;
    let dead = json!({"key": record["key"], "is_pending": true, "deleted": true});
    let synced = device.sync(&[dead])?;
    synced
        .push
        .is("/updated", &json!(1), "the record that it made is deleted")?;
    let told = synced.answer_to(&record["key"])?;
    let holds = told["deleted"] == true && told["key"] == derived_of(&record).as_str();
    synced
        .pull
        .demand(holds, "and answered so, under its real key")
}

fn deleted_twice(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!(1))?;
    let (mut one, mut two) = (pair.one, pair.two);
    one.sync(&[deletion(&pair.record)])?;
    let again = two.sync(&[deletion(&pair.record)])?;
    again
        .push
        .is("/unchanged", &json!(1), "it is deleted already")?;
    let told = again.answer_to(&pair.record["key"])?;
    again
        .pull
        .demand(told["deleted"] == true, "and is answered so")?;
    let unheard = json!({"key": name(), "deleted": true});
    let again = two.sync_one(&unheard)?;
    again
        .push
        .is("/unchanged", &json!(1), "nobody ever heard of it")?;
    let told = again.answer_to(&unheard["key"])?;
    again
        .pull
        .demand(told["deleted"] == true, "and it is answered as deleted")
}

fn unknown_key(run: &Run) -> Checked {
    let caller = run.user()?;
    let key = format!("a key of any form, ключ {}", name());
    let record = json!({"key": key, "value": {"a": 1}, "base": "2020-01-01T00:00:00.000001Z"});
    let fresh = json!({"key": name(), "value": 1});
    let synced = Device::new(&caller).sync(&[with(record, &json!({"base": null})), fresh])?;
    synced
        .push
        .is("/created", &json!(2), "a whole value makes it again")?;
    let told = synced.answer_to(&json!(key))?;
    synced
        .pull
        .demand(told["key"] == key.as_str(), "under its own key")
}

fn need_whole(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let unheard = json!({"key": name()});
    let pushed = device.push(&[edit(&unheard, &json!({"a": 1}))])?;
    let why = "the truth cannot make a whole of a part";
    pushed.is("/rejected/0/problem/code", &json!("need_whole"), why)?;
    let pushed = device.push(&[whole(&unheard, &json!({"a": 1, "b": 2}))])?;
    pushed.is(
        "/created",
        &json!(1),
        "sent whole in the same session, it is taken",
    )
}

fn one_version(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 1}))?;
    let (mut one, record) = (pair.one, pair.record);
    let edits = [json!({"a": 2}), json!({"a": 3}), json!({"b": 4})];
    let edits = edits.map(|fields| edit(&record, &fields));
    let synced = one.sync(&edits)?;
    synced.push.is("/received", &json!(1), "it is one record")?;
    synced.push.is("/updated", &json!(1), "and one version")?;
    let told = synced.answer_to(&record["key"])?;
    let holds = same(&told["value"], &json!({"a": 3, "b": 4}));
    synced
        .pull
        .demand(holds, "the later word holds, and all fields are there")
}

fn two_whole(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let record = made(&json!({"a": 1}));
    let synced = device.sync_one(&record)?;
    let held = synced.answer_to(&record["key"])?.clone();
    device.start()?;
    let by_id = with(record, &json!({"value": {"a": 5}}));
    let pushed = device.push(&[whole(&held, &json!({"a": 4})), by_id])?;
    pushed.is(
        "/received",
        &json!(1),
        "a key and its `local_id` are one record",
    )?;
    pushed.is(
        "/conflicts",
        &json!(1),
        "the earlier of two whole values is kept",
    )
}

/// Records that are enough to be too many, all held by the device.
pub(super) fn deletable(caller: &crate::http::Caller) -> Checked<(Device<'_>, Vec<Value>, usize)> {
    let mut device = Device::new(caller);
    device.sync(&[])?;
    let others = device.held.0.len();
    let count = others / 4 + 25;
    if count > 1000 {
        let why = format!("a fifth of the {others} records here is more than this kit deletes");
        return Err(Miss::NotChecked(why));
    }
    let records = many(count);
    let synced = device.sync(&records)?;
    let told = records
        .iter()
        .map(|it| synced.answer_to(&it["key"]).cloned());
    let told = told.collect::<Checked<Vec<_>>>()?;
    Ok((device, told, others + count))
}

fn airbag(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, records, live) = deletable(&caller)?;
    let gone: Vec<Value> = records.iter().map(deletion).collect();
    let (first, second) = gone.split_at(gone.len() / 2);
    device.start()?;
    device
        .tries_to_push(first, &json!({"seq": 0, "more": true}))?
        .done()?;
    let held = device.tries_to_push(second, &json!({"seq": 1}))?;
    held.refused(423, "airbag")?;
    held.is(
        "/deletes",
        &json!(gone.len()),
        "of all staged batches together",
    )?;
    held.is("/live", &json!(live), "the live records before")?;
    held.demand(held["changes"].is_number(), "`changes` is told, too")?;
    let mut witness = Device::new(&caller);
    let pulled = witness.sync(&[])?;
    pulled
        .pull
        .demand(witness.held.0.len() == live, "nothing was done")?;
    let confirmed = device
        .tries_to_push(second, &json!({"seq": 1, "confirm": true}))?
        .done()?;
    let why = "what was staged still is: the same batch passes with `confirm`";
    confirmed.is("/updated", &json!(gone.len()), why)
}

fn few_deletions(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let records = many(19);
    let synced = device.sync(&records)?;
    let gone = records
        .iter()
        .map(|it| Ok(deletion(synced.answer_to(&it["key"])?)));
    let gone = gone.collect::<Checked<Vec<_>>>()?;
    device.start()?;
    let pushed = device.tries_to_push(&gone, &json!({}))?.done()?;
    pushed.is(
        "/updated",
        &json!(19),
        "19 are not too many, be they all there are",
    )
}
