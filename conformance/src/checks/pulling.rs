//! Windows of the truth: pages, cursors, tombstones, acks. Rules P-42 to P-46.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::fingerprint::EMPTY;
use crate::http::{Answer, Caller};
use crate::run::Run;
use crate::talk::{all_shared, deletion, made, many, name, shared, whole};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-42"],
        "what lands while a device pulls is neither seen nor hidden",
        one_moment,
    ),
    Check::of(
        &["P-42"],
        "every pushed record that was not rejected is answered, changed or not",
        all_answered,
    ),
    Check::of(
        &["P-43"],
        "pages are ordered by (checkin, key), keys by their bytes",
        ordered,
    ),
    Check::of(
        &["P-43"],
        "`remaining` is how many come after the page, and the last one has no cursor",
        remaining,
    ),
    Check::of(
        &["P-44", "T-33"],
        "tombstones are left out for an empty device only",
        tombstones,
    ),
    Check::of(
        &["P-45", "T-31"],
        "a cursor goes on in a later session of the same device",
        cursor_goes_on,
    ),
    Check::of(
        &["P-45", "T-32"],
        "a cursor that was never given out, or to another device, is malformed",
        wrong_cursor,
    ),
    Check::of(
        &["P-46", "P-16", "T-29"],
        "an ack tells what was stored: that is what is expected then",
        acks,
    ),
    Check::of(
        &["P-46", "T-20"],
        "giving back the form that was acked is no change",
        given_back,
    ),
    Check::of(
        &["P-46", "T-29"],
        "what is rejected, or not acked where acks are sent, is offered again",
        offered_again,
    ),
];

fn one_moment(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two, records) = all_shared(&caller, &[json!("a"), json!("b")])?;
    one.sync(
        &records
            .iter()
            .map(|it| whole(it, &json!("first")))
            .collect::<Vec<_>>(),
    )?;
    let opened = two.start()?;
    let first = two.call("pull", &json!({"limit": 1}))?.done()?;
    first.is("/remaining", &json!(1), "two records changed")?;
    let newer = records
        .iter()
        .map(|it| whole(one.held.at(&it["key"]), &json!("second")));
    one.sync(&newer.collect::<Vec<_>>())?;
    let second = two
        .call("pull", &json!({"limit": 1, "cursor": first["cursor"]}))?
        .done()?;
    for page in [&first, &second] {
        let why = "the truth as it was when the session opened";
        page.is("/records/0/value", &json!("first"), why)?;
    }
    second.is("/cursor", &Value::Null, "there were two")?;
    two.last_sync = opened["max_checkin"].clone();
    let (page, records) = {
        two.open(&json!({"pending": 1, "fingerprint": null}))?;
        two.pull()?
    };
    let news = records.iter().filter(|it| it["value"] == "second").count();
    page.demand(
        news == 2,
        "what landed meanwhile comes with the next window",
    )
}

fn all_answered(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 1}))?;
    let mut one = pair.one;
    let dead = json!({"key": name(), "is_pending": true, "deleted": true});
    let wrong = json!({"key": name(), "is_pending": true});
    let pushed = [
        whole(&pair.record, &json!({"a": 1})),
        made(&json!(2)),
        dead,
        wrong.clone(),
    ];
    let synced = one.sync(&pushed)?;
    for record in &pushed[..3] {
        synced.answer_to(&record["key"])?;
    }
    let none = synced.answer_to(&wrong["key"]).is_err();
    synced
        .pull
        .demand(none, "what was rejected is not answered: it stays pending")
}

fn ordered(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    // U+FF5A is before U+1F600 by bytes, and after it by UTF-16 units.
    let keys = ["b", "B", "a", "é", "\u{ff5a}", "\u{1f600}", "~"];
    let tag = name();
    let record = |key: &str| json!({"key": format!("{key}{tag}"), "value": key});
    let (first, second) = keys.split_at(2);
    device.start()?;
    device.push(&first.iter().map(|it| record(it)).collect::<Vec<_>>())?;
    device.push(&second.iter().map(|it| record(it)).collect::<Vec<_>>())?;
    let (page, records) = device.pull()?;
    let place = |it: &Value| {
        let text = |member: &str| it[member].as_str().unwrap_or_default().to_owned();
        (text("checkin"), text("key"))
    };
    let places: Vec<_> = records.iter().map(place).collect();
    let rising = places.windows(2).all(|pair| pair[0] < pair[1]);
    page.demand(rising, "by (checkin, key), each record once")
}

fn remaining(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!(0))?;
    let (mut one, mut two) = (pair.one, pair.two);
    one.sync(&many(5))?;
    two.start()?;
    let mut cursor = Value::Null;
    for left in [3, 1, 0] {
        let page = two
            .call("pull", &json!({"limit": 2, "cursor": cursor}))?
            .done()?;
        page.is("/remaining", &json!(left), "of five")?;
        let count = page.list("/records")?.len();
        page.demand(
            count == if left == 0 { 1 } else { 2 },
            "a page is as long as was asked",
        )?;
        let holds = page["cursor"].is_null() == (left == 0);
        page.demand(
            holds,
            "the last page has `cursor: null`, the others lead on",
        )?;
        cursor = page["cursor"].clone();
    }
    Ok(())
}

/// The deleted records that a device is told.
fn deleted_ones(device: &mut Device, key: &Value) -> Checked<(Answer, bool)> {
    let (page, records) = device.pull()?;
    let is_it =
        |it: &Value| it["key"] == *key && it["deleted"] == true && it.get("value").is_none();
    let found = records.iter().any(is_it);
    Ok((page, found))
}

fn tombstones(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!(1))?;
    let (mut one, mut two, key) = (pair.one, pair.two, &pair.record["key"]);
    one.sync(&[deletion(&pair.record)])?;
    for (open, is_told, who) in [
        (json!({"pending": 1}), true, "a device that holds something"),
        (
            json!({"pending": 1, "last_sync": null}),
            true,
            "one with records and no `last_sync`",
        ),
    ] {
        two.open(&open)?;
        let (page, found) = deleted_ones(&mut two, key)?;
        let why = format!("{who} is told the tombstone, without a value");
        page.demand(found == is_told, &why)?;
        two.held.take(std::slice::from_ref(&pair.record));
    }
    let mut empty = Device::new(&caller);
    empty.open(&json!({"pending": 1, "fingerprint": EMPTY}))?;
    let (page, found) = deleted_ones(&mut empty, key)?;
    page.demand(!found, "an empty device is told none")
}

fn cursor_goes_on(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!(0))?;
    let (mut one, mut two) = (pair.one, pair.two);
    for _ in 0..3 {
        one.sync(&many(4))?;
    }
    two.start()?;
    let first = two.call("pull", &json!({"limit": 5}))?.done()?;
    let mut seen = first.list("/records")?.to_vec();
    // It crashes, comes back, and has made a record of its own meanwhile.
    two.start()?;
    let own = made(&json!("own"));
    two.push_one(&own)?;
    let rest = two
        .call("pull", &json!({"cursor": first["cursor"], "limit": 100}))?
        .done()?;
    seen.extend(rest.list("/records")?.iter().cloned());
    let mut keys: Vec<&str> = seen.iter().filter_map(|it| it["key"].as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    let holds = keys.len() == 13 && seen.len() == 13;
    rest.demand(
        holds,
        "5 records before the crash and 8 after, each once, with its own",
    )?;
    let answered = seen.iter().any(|it| it["local_id"] == own["key"]);
    rest.demand(
        answered,
        "what the later session pushed is sent all the same",
    )
}

fn wrong_cursor(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, mut two) = (Device::new(&caller), Device::new(&caller));
    one.start()?;
    one.push(&many(3))?;
    let page = one.call("pull", &json!({"limit": 1}))?.done()?;
    two.start()?;
    let foreign = two.call("pull", &json!({"cursor": page["cursor"]}))?;
    foreign.refused(400, "malformed")?;
    for cursor in ["", "AAAA", "never given out"] {
        let answer = two.call("pull", &json!({"cursor": cursor}))?;
        answer.refused(400, "malformed")?;
    }
    Ok(())
}

/// A device that stores `short` where the truth says `long`, and has said so; the record as told.
fn shortening(caller: &Caller) -> Checked<(Device<'_>, Value, Answer)> {
    let pair = shared(caller, &json!({"text": "long"}))?;
    let mut device = Device::new(caller);
    device.start()?;
    device.pull()?;
    device
        .held
        .spoil(&pair.record["key"], &json!({"text": "lo"}));
    let acks: Vec<Value> = device
        .held
        .0
        .values()
        .map(|it| json!({"key": it["key"], "fingerprint": it["fingerprint"]}))
        .collect();
    device
        .call("pull", &json!({"limit": 1, "acks": acks}))?
        .done()?;
    let finished = device.finish()?;
    Ok((device, pair.record, finished))
}

fn acks(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, _, finished) = shortening(&caller)?;
    finished.is(
        "/in_sync",
        &json!(true),
        "what it acked is what is expected of it",
    )?;
    let opened = device.open(&json!({"pending": 1}))?;
    opened.is("/mode", &json!("fast"), "and so it is at the next open")?;
    let (page, records) = device.pull()?;
    page.demand(records.is_empty(), "what was acked is not offered again")
}

fn given_back(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, record, _) = shortening(&caller)?;
    let mut witness = Device::new(&caller);
    witness.sync(&[])?;
    device.start()?;
    let pushed = device.push(&[whole(&record, &json!({"text": "lo"}))])?;
    pushed.is("/unchanged", &json!(1), "it is what the device acked")?;
    let pulled = witness.sync(&[])?;
    let value = &witness.held.at(&record["key"])["value"];
    pulled
        .push
        .demand(value["text"] == "long", "the truth keeps the long form")
}

fn offered_again(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut one, _, records) = all_shared(&caller, &[json!(1), json!(2), json!(3)])?;
    let mut device = Device::new(&caller);
    device.sync(&[])?;
    let newer = records.iter().map(|it| whole(it, &json!("new")));
    one.sync(&newer.collect::<Vec<_>>())?;
    let before = device.held.clone();
    device.start()?;
    device.pull()?;
    let kept = device.held.at(&records[0]["key"]).clone();
    let acks = json!([{"key": kept["key"], "fingerprint": kept["fingerprint"]},
        {"key": records[1]["key"], "rejected": "no place for it"}]);
    device
        .call("pull", &json!({"limit": 1, "acks": acks}))?
        .done()?;
    device.held = before;
    device.held.take(&[kept]);
    let finished = device.finish()?;
    let why = "what was acked counts, and of the others what the device held before";
    finished.is("/in_sync", &json!(true), why)?;
    device.start()?;
    let (page, offered) = device.pull()?;
    let is_offered = |place: usize| offered.iter().any(|it| it["key"] == records[place]["key"]);
    page.demand(is_offered(1), "what was rejected is offered again")?;
    page.demand(is_offered(2), "what was not acked is offered again")?;
    page.demand(!is_offered(0), "what was acked is not")?;
    Ok(())
}
