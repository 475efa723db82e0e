//! One-way syncs. Rule P-68.

use serde_json::{Value, json};

use crate::check::{Check, Checked};
use crate::run::Run;
use crate::talk::{edit, made, shared, whole};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-68"],
        "in direction `pull` all comes down, and a push is forbidden",
        only_down,
    ),
    Check::of(
        &["P-68"],
        "in direction `push` a pull brings just what this session pushed",
        only_up,
    ),
    Check::of(
        &["P-68", "P-16"],
        "its finish is in sync, and leaves the device's `last_sync` where it was",
        stays_behind,
    ),
    Check::of(
        &["P-68"],
        "what the one-way session did not bring comes with the next whole sync",
        comes_later,
    ),
];

fn only_down(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0}))?;
    let (mut one, mut two) = (pair.one, pair.two);
    one.sync(&[edit(&pair.record, &json!({"a": 1}))])?;
    let ask = json!({"direction": "pull", "pending": 1});
    let opened = two.tries_to_open(&ask)?.served()?;
    opened.is(
        "/direction",
        &json!("pull"),
        "the direction is told where it is not `both`",
    )?;
    let answer = two.tries_to_push(&[made(&json!(1))], &json!({}))?;
    answer.refused(403, "forbidden")?;
    let (page, _) = two.pull()?;
    let holds = two.held.at(&pair.record["key"])["value"]["a"] == 1;
    page.demand(holds, "the other device's change comes")?;
    let finished = two.finish_in_sync()?;
    finished.is("/last_sync", &two.max_checkin, "and `last_sync` moves")
}

/// One device has changed the record, the other pushes a change and a new record, up only.
struct OneWay<'a> {
    one: crate::device::Device<'a>,
    two: crate::device::Device<'a>,
    record: Value,
    own: Value,
    told: Vec<Value>,
    page: crate::http::Answer,
}

fn one_way(caller: &crate::http::Caller) -> Checked<OneWay<'_>> {
    let pair = shared(caller, &json!({"a": 0, "b": 0}))?;
    let (mut one, mut two, record) = (pair.one, pair.two, pair.record);
    one.sync(&[edit(&record, &json!({"a": 1})), made(&json!("another's"))])?;
    let opened = two
        .tries_to_open(&json!({"direction": "push", "pending": 2}))?
        .served()?;
    opened.is(
        "/direction",
        &json!("push"),
        "the direction is told where it is not `both`",
    )?;
    let own = made(&json!("own"));
    two.push(&[whole(&record, &json!({"a": 0, "b": 2})), own.clone()])?;
    let (page, told) = two.pull()?;
    Ok(OneWay {
        one,
        two,
        record,
        own,
        told,
        page,
    })
}

fn only_up(run: &Run) -> Checked {
    let caller = run.user()?;
    let OneWay {
        record,
        own,
        told,
        page,
        ..
    } = one_way(&caller)?;
    page.demand(
        told.len() == 2,
        "two were pushed, two are answered, no other comes",
    )?;
    let is_own = |it: &Value| it["local_id"] == own["key"];
    page.demand(
        told.iter().any(is_own),
        "its own new record, with its `local_id`",
    )?;
    let merged = told.iter().find(|it| it["key"] == record["key"]);
    let holds = merged.is_some_and(|it| it["value"] == json!({"a": 1, "b": 2}));
    page.demand(holds, "its change, as the truth has merged it")
}

fn stays_behind(run: &Run) -> Checked {
    let caller = run.user()?;
    let OneWay { mut two, .. } = one_way(&caller)?;
    let before = two.last_sync.clone();
    let finished = two.finish_in_sync()?;
    finished.is(
        "/last_sync",
        &before,
        "`last_sync` stays, whatever `last_update` says",
    )
}

fn comes_later(run: &Run) -> Checked {
    let caller = run.user()?;
    let OneWay {
        mut one, mut two, ..
    } = one_way(&caller)?;
    let before = two.last_sync.clone();
    two.finish()?;
    two.last_sync = before;
    let opened = two.open(&json!({}))?;
    let why = "what it pushed is expected of it beyond its `last_sync` (P-16)";
    opened.is("/mode", &json!("fast"), why)?;
    let (page, told) = two.pull()?;
    let comes = told.iter().any(|it| it["value"] == "another's");
    page.demand(comes, "what another device did comes now")?;
    two.finish_in_sync()?;
    one.sync(&[])?;
    let holds = one.held.fingerprint() == two.held.fingerprint();
    page.demand(holds, "and both devices hold the same")
}
