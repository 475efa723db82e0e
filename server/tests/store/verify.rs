//! What a verification finds: nothing in what the server wrote, and each row that was changed by
//! hand.

use serde_json::{Value, json};
use tidemark_server::{session::Settings, store::Store};
use uuid::Uuid;

use crate::support::{Device, World, many, pending, request};

/// Everything that a database can hold: records, edits, tombstones, a conflict, devices that are
/// behind, a name that is dead, and open sessions with what they staged, pushed and acked.
async fn busy() -> World {
    let world = World::sqlite().await;
    let mut ann = Device::new(&world);
    ann.sync(many(30)).await;
    let mut bob = Device::new(&world);
    bob.sync(json!([])).await;
    let key = ann.keys().pop_first().unwrap();
    let base = ann.last_sync.clone();
    for at in 0..3 {
        let base = ann.last_sync.clone();
        let edit = json!({"key": key, "base": base, "changed": ["at"], "value": {"at": at + 50}});
        ann.sync(json!([edit])).await;
    }
    let other = json!({"key": key, "base": base, "value": {"name": "bob's", "at": -1}});
    let summary = bob.sync(json!([other])).await.unwrap();
    assert_eq!(summary.conflicts, 1);
    let base = bob.last_sync.clone();
    let dead = bob.keys().pop_last().unwrap();
    bob.sync(json!([{"key": dead, "base": base, "deleted": true}]))
        .await;
    let mut unborn = pending(Uuid::new_v4(), &json!(1));
    unborn["deleted"] = json!(true);
    bob.sync(json!([unborn])).await;

    let mut staging = Device::new(&world);
    staging.open(3).await.unwrap();
    staging.stage(0, many(2)).await.unwrap();
    let mut short = Device::new(&world);
    short.open(1).await.unwrap();
    short.push(many(1)).await.unwrap();
    let fingerprint = "00112233445566778899aabbccddeeff";
    let acks = json!([{"key": key, "fingerprint": fingerprint}]);
    let body = json!({"sync_uuid": short.session, "cursor": null, "acks": acks});
    acked(&short, &body).await;
    let mut partial = Device::new(&world);
    partial.open(0).await.unwrap();
    partial.pull(1000).await.unwrap();
    let rejected = json!([{"key": key, "rejected": "too long"}]);
    let body = json!({"sync_uuid": partial.session, "cursor": null, "acks": rejected});
    acked(&partial, &body).await;
    assert!(!partial.finish().await.unwrap().in_sync);
    // A larger truth is summed up; this one as if it were large.
    world
        .execute("insert into range_sum select id, '', live, fingerprint from datastore")
        .await;
    world.execute("update datastore set sums_at = head").await;
    world
}

/// A pull with acks.
async fn acked(device: &Device, body: &Value) {
    let pulled = device.service.pull(&device.caller(), request(body)).await;
    pulled.unwrap();
}

/// T-70: what the server wrote is sound: while sessions are open, and after compaction.
pub(crate) async fn what_the_server_wrote_is_sound(_: World) {
    let world = busy().await;
    for table in ["staged", "pushed", "acked", "client_state", "conflict"] {
        let count: &'static str = match table {
            "staged" => "select count(*) from staged",
            "pushed" => "select count(*) from pushed",
            "acked" => "select count(*) from acked",
            "client_state" => "select count(*) from client_state",
            _ => "select count(*) from conflict where settled is null",
        };
        assert_ne!(world.sql(count).await, ["0"], "{table}");
    }
    assert_eq!(world.verified().await, Vec::<String>::new());
    let service = world.forgetful().await;
    let dropped = service.compact().await.unwrap();
    assert!(dropped.values > 0, "{dropped:?}");
    assert_eq!(world.verified().await, Vec::<String>::new());
    world.clock.jump(3_600_000_000);
    let dropped = service.compact().await.unwrap();
    assert!(
        dropped.tombstones > 0 && dropped.sessions > 0,
        "{dropped:?}"
    );
    assert_eq!(world.verified().await, Vec::<String>::new());
}

/// Each is done to a sound database, by hand; then this is found.
const DAMAGE: [(&str, &str); 45] = [
    (
        "update version set value = '{\"at\":999}' where rowid = 5",
        "its value comes to the fingerprint",
    ),
    (
        "update version set value = '{\"at\":999}' where superseded is not null",
        "its value comes to the fingerprint",
    ),
    (
        "update version set value = '{\"at\":' where rowid = 5",
        "its value is no JSON",
    ),
    (
        "update version set value = replace(value, ',', ', ') where rowid = 5",
        "its value is not canonical",
    ),
    (
        "update version set value = null where rowid = 5",
        "its value is missing",
    ),
    (
        "update version set fingerprint = '00112233445566778899aabbccddeeff' where rowid = 5",
        "those of its live records come to",
    ),
    (
        "update version set fingerprint = '00112233445566778899aabbccddeeff' \
         where superseded is not null",
        "the truth as of it comes to",
    ),
    (
        "update version set fingerprint = null where rowid = 5",
        "it has missing",
    ),
    (
        "update version set stamps = 'never' where rowid = 5",
        "its stamps cannot be read",
    ),
    (
        "update version set stamps = '[[\"' || device || '\"],[0,' || (checkin + 1) || '],{}]' \
         where rowid = 5",
        "a field's stamp is later than the version",
    ),
    (
        "update version set stamps = '[[\"' || device || '\"],[0,' || (checkin - 1) || '],{}]' \
         where rowid = 5",
        "no field's stamp is of the commit that made it",
    ),
    (
        "update version set superseded = null where superseded is not null",
        "it is live, and so is a later one",
    ),
    (
        "update version set superseded = superseded + 1 where superseded is not null",
        "and the next version is of",
    ),
    (
        "update version set superseded = (select head from datastore) where rowid = 5",
        "and nothing follows",
    ),
    (
        "update version set superseded = checkin where superseded is not null",
        "it is superseded by what is not later",
    ),
    (
        "update version set created = 'once' where rowid = 5",
        "a time of it cannot be read",
    ),
    (
        "update version set entity = 'other' where superseded is not null",
        "`entity` or `created` changes",
    ),
    (
        "update version set value = '1' where deleted = 1",
        "it is a tombstone with a value",
    ),
    (
        "update version set checkin = checkin + 1 where rowid = 5",
        "there is no such commit",
    ),
    (
        "update local_key set key = (select max(key) from version) \
         where key = (select key from version where rowid = 5)",
        "is not derived from it",
    ),
    (
        "delete from version where rowid = 5",
        "and none was forgotten since",
    ),
    (
        "update local_key set checkin = checkin + 1 where key is not null",
        "which is no commit",
    ),
    (
        "update commits set fingerprint = replace(fingerprint, '1', '2') \
         where checkin = (select max(checkin) from commits)",
        "the truth as of it comes to",
    ),
    (
        "update commits set fingerprint = null",
        "its fingerprint is missing",
    ),
    (
        "update datastore set head = head + 1",
        "its head is not its newest commit",
    ),
    (
        "update datastore set forgotten = head + 1",
        "is later than the head",
    ),
    ("update datastore set live = live + 1", "it is said to have"),
    (
        "update datastore set conflicts_open = 9",
        "the number of its unsettled conflicts",
    ),
    (
        "update device set last_sync = last_sync + 1",
        "its `last_sync` is no commit",
    ),
    ("delete from session", "for a session that is over"),
    (
        "update range_sum set count = count + 1",
        "it is said to hold",
    ),
    ("delete from range_sum", "are not whole"),
    (
        "update range_sum set fingerprint = replace(fingerprint, '1', '2')",
        "it is said to hold",
    ),
    (
        "update datastore set fingerprint = replace(fingerprint, '1', '2')",
        "those of its live records come to",
    ),
    (
        "update client_state set held = 'nothing'",
        "of what the device holds of it cannot be read",
    ),
    (
        "update client_state set checkin = checkin + 1",
        "what the device holds of it is of no commit",
    ),
    (
        "update client_state set device = (select max(device_uuid) from device) || '0'",
        "it is kept of a device that is not known",
    ),
    (
        "update client_state set key = key || 'nobody'",
        "there is no such record",
    ),
    (
        "update conflict set checkin = checkin + 1",
        "it is of a checkin that is no commit",
    ),
    (
        "update conflict set key = key || 'nobody'",
        "its record is not known",
    ),
    (
        "update conflict set device = '{'",
        "a side of it, its fields, its devices or its decision cannot be read",
    ),
    (
        "delete from conflict",
        "it names a conflict that there is not",
    ),
    (
        "update version set value = null where superseded is not null",
        "its value is missing, of a time that can be shown still",
    ),
    (
        "update device set tick = 0",
        "it has made more commits than `tick` counts",
    ),
    (
        "update staged set datastore = 'gone'",
        "it has rows of a datastore gone, which is not there",
    ),
];

/// T-70: each kind of damage is found, and told with what would mend it.
pub(crate) async fn each_kind_of_damage_is_found(_: World) {
    let world = busy().await;
    let image = world.image();
    for (damage, found) in DAMAGE {
        let world = World::from_image(&image, &world.clock).await;
        world.execute(damage).await;
        let findings = world.verified().await;
        let is_found = findings.iter().any(|finding| finding.contains(found));
        assert!(is_found, "{damage}: {findings:#?}");
    }
}

/// What may hold anything of its type, so that no row can be told from a wrong one.
const FREE: [(&str, &str); 24] = [
    ("acked", "key"),
    ("acked", "fingerprint"),
    ("acked", "rejected"),
    ("client_state", "owed"),
    ("conflict", "base"),
    ("device", "user"),
    ("device", "name"),
    ("device", "seen"),
    ("device", "forgotten"),
    // A counter that jumps is as good.
    ("device", "tick"),
    ("local_key", "confirmed"),
    ("pushed", "fresh"),
    ("reconciled", "key"),
    ("reconciled", "checkin"),
    ("reconciled", "asked"),
    ("session", "tombstones"),
    ("session", "deleted"),
    ("session", "from_key"),
    ("session", "pulled_key"),
    ("session", "remaining"),
    ("session", "acked"),
    ("session", "is_copy"),
    ("session", "touched"),
    // Batches are taken in their order, whatever is between.
    ("staged", "seq"),
];

/// T-70: there is no column of which damage goes unseen, but for those that may hold anything.
pub(crate) async fn no_column_goes_unseen(_: World) {
    let world = busy().await;
    let image = world.image();
    let columns = "select tables.name || '.' || columns.name || '.' || columns.type \
        from sqlite_schema tables join pragma_table_info(tables.name) columns \
        where tables.type = 'table' and tables.name not like '\\_%' escape '\\' \
        and tables.name not like 'sqlite%' and columns.name not in ('datastore', 'id')";
    let (mut damaged, mut unseen) = (0, Vec::new());
    for column in world.sql(columns).await {
        let mut parts = column.split('.');
        let (table, name) = (parts.next().unwrap(), parts.next().unwrap());
        let broken = match parts.next().unwrap() {
            "TEXT" => "'zz'".to_owned(),
            _ => format!("{name} + 1"),
        };
        let is_free = FREE.contains(&(table, name));
        let world = World::from_image(&image, &world.clock).await;
        let damage =
            format!("update or ignore {table} set {name} = {broken} where {name} is not null");
        if is_free || world.try_execute(&damage).await == 0 {
            continue;
        }
        damaged += 1;
        if world.verified().await.is_empty() {
            unseen.push(damage);
        }
    }
    assert_eq!(unseen, Vec::<String>::new());
    assert!(damaged > 60, "{damaged} columns are too few");
}

/// Damage that is mended for certain, whatever the rest is like.
const CERTAIN: [&str; 14] = [
    "update version set stamps = 'never' where rowid = 5",
    "update version set superseded = null where superseded is not null",
    "update version set superseded = superseded + 1 where superseded is not null",
    "update datastore set live = live + 1",
    "update datastore set conflicts_open = 9",
    "update range_sum set count = count + 1",
    "update device set last_sync = last_sync + 1",
    "update device set tick = 0",
    "update client_state set held = 'nothing'",
    "update session set max_checkin = max_checkin + 1",
    "update staged set records = '['",
    "delete from session",
    "delete from member",
    "update conflict set entity = 'other'",
];

/// T-70: what can be worked out again, or is told again by a device, is mended as it is asked for, and
/// nothing else is touched; devices then sync as ever.
pub(crate) async fn what_is_certain_is_repaired(_: World) {
    let world = busy().await;
    let image = world.image();
    for damage in CERTAIN {
        let world = World::from_image(&image, &world.clock).await;
        world.execute(damage).await;
        assert_ne!(world.verified().await, Vec::<String>::new(), "{damage}");
        assert_eq!(world.repaired().await, Vec::<String>::new(), "{damage}");
        let mut device = Device::new(&world);
        device.sync(many(2)).await;
    }
    // A value that was lost is nobody's to make up.
    let broken = World::from_image(&image, &world.clock).await;
    broken
        .execute("update version set value = '{\"at\":999}' where rowid = 5")
        .await;
    assert_eq!(broken.repaired().await.len(), 1);
    let value = broken
        .sql("select value from version where rowid = 5")
        .await;
    assert_eq!(value, ["{\"at\":999}"]);
}

/// T-70: where the datastore's fingerprint speaks for the record's, it is the value that must be
/// mended; where it does not, the fingerprint. What is done so mends it.
pub(crate) async fn a_finding_says_what_mends_it(_: World) {
    let world = busy().await;
    let image = world.image();
    let broken = World::from_image(&image, &world.clock).await;
    broken
        .execute("update version set value = '{\"at\":999}' where rowid = 5")
        .await;
    let findings = broken.verified().await;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].contains("put back the value"), "{findings:#?}");

    let broken = World::from_image(&image, &world.clock).await;
    broken
        .execute(
            "update version set fingerprint = '00112233445566778899aabbccddeeff' where rowid = 5",
        )
        .await;
    let findings = broken.verified().await;
    let mend = findings
        .iter()
        .find_map(|finding| finding.split_once("set its fingerprint to "));
    let (_, fingerprint) = mend.unwrap();
    let mended = format!("update version set fingerprint = '{fingerprint}' where rowid = 5");
    broken.execute(&mended).await;
    assert_eq!(broken.verified().await, Vec::<String>::new());
}

/// T-70: a database can be verified without a server, and nothing in it is changed; one that is
/// not there is not made.
pub(crate) async fn verifying_writes_nothing(_: World) {
    let world = busy().await;
    let other = World::from_image(&world.image(), &world.clock).await;
    other.service.close().await;
    let before = other.image();
    let store = Store::to_read(&other.url).await.unwrap();
    let verified = store.verify(|finding| panic!("{finding}")).await.unwrap();
    assert!(verified.versions > 30 && verified.commits > 5 && verified.datastores == 1);
    store.close().await;
    assert_eq!(other.image(), before);
    let service = other.served(Settings::default()).await;
    assert!(Device::of(&service, "ann").open(1).await.is_ok());

    let missing = other.dir.path().join("missing.db");
    let url = format!("sqlite:{}", missing.display());
    assert!(Store::to_read(&url).await.is_err() && Store::existing(&url).await.is_err());
    assert!(!missing.exists());
}
