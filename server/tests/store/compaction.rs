//! What compaction drops, and what it must not.

use std::{ops::Range, time::Duration};

use serde_json::{Value, json};
use tidemark_protocol::{Checkin, Mode};
use tidemark_server::session::{Dropped, RecordsQuery, Retention, Service};
use uuid::Uuid;

use crate::support::{Device, World, caller, pending};

/// An edit of some fields of a record, by a device that knew it as of `base`.
fn edit(key: &str, base: &str, fields: &Value) -> Value {
    let changed: Vec<&String> = fields.as_object().unwrap().keys().collect();
    json!([{"key": key, "value": fields, "changed": changed, "base": base}])
}

fn deletion(key: &str, base: &str) -> Value {
    json!([{"key": key, "deleted": true, "base": base}])
}

/// A device with one record, and its key.
async fn with_a_record(world: &World, service: &Service) -> (Device, String) {
    let mut device = Device::new(world);
    device.service = service.clone();
    let record = pending(Uuid::new_v4(), &json!({"name": "one", "at": 1}));
    device.sync(json!([record])).await;
    let key = device.keys().pop_first().unwrap();
    (device, key)
}

/// One more device of the same user, in sync.
async fn another(world: &World, service: &Service) -> Device {
    let mut device = Device::new(world);
    device.service = service.clone();
    device.sync(json!([])).await;
    device
}

fn last_sync(device: &Device) -> String {
    device.last_sync.clone().unwrap()
}

/// Edits a record over and over, each time knowing the truth.
async fn edit_often(device: &mut Device, key: &str, values: Range<u32>) {
    for at in values {
        let base = last_sync(device);
        device.sync(edit(key, &base, &json!({"at": at}))).await;
    }
}

/// Keeps no history, and deletions for an hour.
const HASTY: Retention = Retention {
    history: Duration::ZERO,
    tombstones: Duration::from_hours(1),
};

const VALUES: &str =
    "select count(*) from version where superseded is not null and value is not null";
const OLD: &str = "select count(*) from version where superseded is not null";

/// T-60: of a record that was edited often, the values go that no device stands at; and when the
/// last device has synced, so does the rest.
pub(crate) async fn values_go_when_nobody_needs_them(world: World) {
    let service = world.keeping(HASTY).await;
    let (mut ann, key) = with_a_record(&world, &service).await;
    let mut late = another(&world, &service).await;
    edit_often(&mut ann, &key, 100..105).await;
    assert_eq!(service.compact().await.unwrap().values, 4);
    assert_eq!(world.sql(VALUES).await, ["1"]);
    late.sync(json!([])).await;
    let dropped = service.compact().await.unwrap();
    assert_eq!((dropped.values, dropped.versions), (1, 5));
    assert_eq!(world.sql(OLD).await, ["0"]);
    assert_eq!(service.compact().await.unwrap(), Dropped::default());
    assert_eq!(late.keys(), ann.keys());
}

/// T-60: a device that stayed away merges its edit with the very value that it had: only what it
/// changed is changed, and nothing conflicts.
pub(crate) async fn a_late_device_merges_with_the_base_it_had(world: World) {
    let service = world.keeping(HASTY).await;
    let (mut ann, key) = with_a_record(&world, &service).await;
    let mut late = another(&world, &service).await;
    edit_often(&mut ann, &key, 100..103).await;
    service.compact().await.unwrap();
    let base = last_sync(&late);
    let whole = json!([{"key": key, "base": base, "value": {"name": "two", "at": 1}}]);
    let summary = late.sync(whole).await.unwrap();
    assert_eq!((summary.merged, summary.conflicts), (1, 0));
    assert_eq!(late.values[&key], json!({"name": "two", "at": 102}));
}

/// T-60: a device whose answer was lost repeats its push: what it said then is kept for as long,
/// and the repeat reverts nobody's later change.
pub(crate) async fn a_repeat_is_known_long_after(world: World) {
    let service = world.forgetful().await;
    let (mut ann, key) = with_a_record(&world, &service).await;
    let mut bob = another(&world, &service).await;
    let said = edit(&key, &last_sync(&bob), &json!({"at": 7}));
    bob.open(1).await.unwrap();
    bob.push(said.clone()).await.unwrap();
    ann.sync(json!([])).await;
    edit_often(&mut ann, &key, 100..102).await;
    let expiry = 11 * 60 * 1_000_000;
    world.clock.jump(expiry);
    let service = world.keeping(HASTY).await;
    assert_eq!(service.compact().await.unwrap().sessions, 1);
    let summary = bob.sync(said).await.unwrap();
    assert_eq!((summary.unchanged, summary.conflicts), (1, 0));
    assert_eq!(bob.values[&key]["at"], 101);
}

/// T-61: fingerprints of commits and of versions stay until the last device has synced past
/// them; no commit ever goes.
pub(crate) async fn what_proves_old_moments_goes_last(world: World) {
    const PROVEN: &str = "select count(*) from commits where replace(fingerprint, '0', '') <> ''";
    let service = world.keeping(HASTY).await;
    let (mut ann, key) = with_a_record(&world, &service).await;
    let mut late = another(&world, &service).await;
    edit_often(&mut ann, &key, 100..104).await;
    let commits = world.sql("select count(*) from commits").await;
    assert_eq!(commits, ["6"]);
    service.compact().await.unwrap();
    assert_eq!(world.sql(PROVEN).await, ["5"], "from the late device's on");
    assert_eq!(world.sql(OLD).await, ["4"]);
    assert!(
        !late.open(0).await.unwrap().in_sync,
        "it is known, and behind"
    );
    late.pull(10).await.unwrap();
    assert!(late.finish().await.unwrap().in_sync);
    service.compact().await.unwrap();
    assert_eq!(world.sql(PROVEN).await, ["1"]);
    assert_eq!(world.sql(OLD).await, ["0"]);
    assert_eq!(world.sql("select count(*) from commits").await, commits);
}

/// T-61, T-66: in a datastore that rested for long, all stand at its last commit, though none of
/// them has told so since; when one goes on the others are in time. So is a device that was there
/// when there was nothing yet.
pub(crate) async fn a_long_rest_leaves_nobody_behind(world: World) {
    const YEAR: i64 = 365 * 24 * 3_600_000_000;
    let mut early = Device::new(&world);
    assert!(early.open(0).await.unwrap().in_sync);
    let (mut ann, key) = with_a_record(&world, &world.service).await;
    edit_often(&mut ann, &key, 100..103).await;
    let mut bob = another(&world, &world.service).await;
    world.clock.jump(YEAR);
    assert_eq!(world.service.compact().await.unwrap().versions, 3);
    assert!(ann.open(0).await.unwrap().in_sync && bob.open(0).await.unwrap().in_sync);
    edit_often(&mut ann, &key, 200..202).await;
    world.service.compact().await.unwrap();
    for device in [&mut bob, &mut early] {
        device.sync(json!([])).await;
        assert_eq!(device.values[&key]["at"], 201);
    }
}

/// T-69: a whole value on a base that was dropped changes every field, and whoever else changed
/// one has it kept in a conflict: the version before the dropped one does not stand in for it.
pub(crate) async fn a_base_that_is_gone_is_not_mistaken_for_an_older_one(world: World) {
    let service = world.keeping(HASTY).await;
    let (mut ann, key) = with_a_record(&world, &service).await;
    let _late = another(&world, &service).await;
    edit_often(&mut ann, &key, 100..101).await;
    let base = last_sync(&ann);
    edit_often(&mut ann, &key, 101..103).await;
    assert_eq!(service.compact().await.unwrap().values, 2);
    assert_eq!(world.sql(VALUES).await, ["1"], "the late device's");
    let mut copy = another(&world, &service).await;
    let whole = json!([{"key": key, "base": base, "value": {"name": "two", "at": 1}}]);
    let summary = copy.sync(whole).await.unwrap();
    assert_eq!(summary.conflicts, 1, "102 is kept");
    let ann = caller("ann");
    let page = service.records(&ann, RecordsQuery::default()).await;
    let page = page.unwrap();
    let value = page.records[0].value.as_ref().unwrap();
    assert_eq!(value.get(), r#"{"at":1,"name":"two"}"#);
}

/// T-62, T-67: a tombstone goes with all of its record; whoever comes back with an old copy of it
/// does not revive it, whichever name they give it.
pub(crate) async fn zombies_stay_dead(world: World) {
    let service = world.forgetful().await;
    let mut ann = Device::new(&world);
    ann.service = service.clone();
    let local_id = Uuid::new_v4();
    let made = pending(local_id, &json!({"name": "one", "at": 1}));
    ann.sync(json!([made.clone()])).await;
    let key = ann.keys().pop_first().unwrap();
    let mut late = another(&world, &service).await;
    let born = last_sync(&late);
    edit_often(&mut ann, &key, 100..102).await;
    let base = last_sync(&ann);
    ann.sync(deletion(&key, &base)).await;
    let died = last_sync(&ann);
    let dropped = service.compact().await.unwrap();
    assert_eq!(dropped.tombstones, 1);
    assert_eq!(world.sql("select count(*) from version").await, ["0"]);
    let forgotten = world.sql("select forgotten from datastore").await;
    let micros = Checkin::parse(&died).unwrap().micros();
    assert_eq!(forgotten, [micros.to_string()]);

    assert_eq!(late.open(1).await.unwrap().mode, Mode::Repair);
    // Had it got a session all the same, or lost its mind:
    let mut zombie = another(&world, &service).await;
    for record in [
        json!({"key": key, "base": born, "value": {"name": "zombie"}}),
        json!({"key": key, "base": born, "value": {"at": 9}, "changed": ["at"]}),
        json!({"key": key, "base": born, "deleted": true}),
        made,
    ] {
        zombie.open(1).await.unwrap();
        let summary = zombie.push(json!([record.clone()])).await.unwrap();
        assert_eq!((summary.unchanged, summary.created), (1, 0), "{record}");
        let told = zombie.pull(10).await.unwrap();
        assert!(told.len() == 1 && told[0].deleted, "{record}");
        assert!(zombie.finish().await.unwrap().in_sync);
    }
    assert_eq!(world.live().await, 0);
}

/// T-62: while a session pulls, the tombstones of its window stay.
pub(crate) async fn tombstones_wait_for_an_open_pull(world: World) {
    let service = world.forgetful().await;
    let (mut ann, key) = with_a_record(&world, &service).await;
    let mut late = another(&world, &service).await;
    let base = last_sync(&ann);
    ann.sync(deletion(&key, &base)).await;
    late.open(0).await.unwrap();
    assert_eq!(service.compact().await.unwrap().tombstones, 0);
    let told = late.pull(10).await.unwrap();
    assert!(told.len() == 1 && told[0].deleted);
    assert!(late.finish().await.unwrap().in_sync);
    assert_eq!(service.compact().await.unwrap().tombstones, 1);
    assert!(
        late.open(0).await.unwrap().in_sync,
        "what it has seen is enough"
    );
}

/// T-65: a moment of which something was dropped is refused, not shown in part; later ones are
/// shown whole.
pub(crate) async fn moments_that_are_not_whole_are_not_shown(world: World) {
    let service = world.forgetful().await;
    let (mut ann, key) = with_a_record(&world, &service).await;
    let first = last_sync(&ann);
    edit_often(&mut ann, &key, 100..102).await;
    let at = |at: &str| RecordsQuery {
        at: Some(Checkin::parse(at).unwrap()),
        ..RecordsQuery::default()
    };
    let page = service.records(&caller("ann"), at(&first)).await.unwrap();
    assert_eq!(page.records.len(), 1);
    service.compact().await.unwrap();
    let refused = service.records(&caller("ann"), at(&first)).await;
    assert_eq!(refused.unwrap_err().code.as_str(), "not_found");
    let page = service.records(&caller("ann"), at(&last_sync(&ann))).await;
    assert_eq!(page.unwrap().records.len(), 1);
    assert_eq!(world.live().await, 1);
}
