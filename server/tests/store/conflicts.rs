//! Conflicts are settled in one commit, or not at all.

use std::time::Duration;

use serde_json::{Value, json};
use tidemark_protocol::{ConflictsAnswer, Problem, SettleAnswer};
use tidemark_server::session::{ConflictsQuery, Service};
use uuid::Uuid;

use crate::support::{Device, World, caller, pending, request, told, wire};

/// A record whose field `a` so many devices have changed without knowing of each other.
async fn contested(world: &World, devices: u64) -> String {
    let mut maker = Device::new(world);
    maker
        .sync(json!([pending(Uuid::new_v4(), &json!({"a": 0}))]))
        .await;
    let (key, base) = (maker.keys().pop_first().unwrap(), maker.last_sync.clone());
    for value in 1..=devices {
        let mut device = Device::new(world);
        device.open(1).await.unwrap();
        let edit = json!({"key": key, "base": base, "changed": ["a"], "value": {"a": value}});
        device.push(json!([edit])).await.unwrap();
    }
    key
}

async fn listed(service: &Service) -> ConflictsAnswer {
    let query = ConflictsQuery::default();
    service.conflicts(&caller("ann"), query).await.unwrap()
}

async fn settle(service: &Service, id: &str, decision: Value) -> Result<SettleAnswer, Problem> {
    let decision = request(&decision);
    service.settle(&caller("ann"), None, id, decision).await
}

/// P-57, T-43: the decision is told to whoever listens, once, as nobody's push; devices that pull it
/// agree with the truth, and so does a verification.
pub(crate) async fn a_decision_is_one_commit(world: World) {
    contested(&world, 3).await;
    let mut reader = Device::new(&world);
    reader.sync(json!([])).await;
    let conflicts = listed(&world.service).await.conflicts;
    assert_eq!(conflicts.len(), 2);
    let mut commits = world.commits().await;
    for (conflict, open) in conflicts.iter().rev().zip([1, 0]) {
        let settled = settle(&world.service, &conflict.id, json!({"take": "truth"}));
        let settled = settled.await.unwrap();
        let alert = told(&mut commits).unwrap();
        assert_eq!(alert.max_checkin, settled.settled);
        assert!(alert.device_uuid.uuid().is_nil());
        assert_eq!(settled.conflicts.open, open);
        assert_eq!(settled.conflicts.changed, Some(settled.settled));
        // Said again, nothing is written, and nobody is told.
        let again = settle(&world.service, &conflict.id, json!({"take": "truth"}));
        assert_eq!(wire(&again.await.unwrap()), wire(&settled));
        assert_eq!(told(&mut commits), None);
        reader.sync(json!([])).await;
        assert_eq!(world.verified().await, Vec::<String>::new());
    }
    assert_eq!(reader.values.into_values().next(), Some(json!({"a": 1})));
}

/// P-57, T-44: a decision whose caller is gone before the commit leaves nothing, or all: the
/// conflict is settled exactly where the record has its value.
pub(crate) async fn a_dropped_decision_leaves_nothing_or_all(world: World) {
    contested(&world, 12).await;
    let conflicts = listed(&world.service).await.conflicts;
    for (place, conflict) in conflicts.iter().enumerate() {
        let value = json!({"a": format!("decision {place}")});
        let deciding = settle(&world.service, &conflict.id, json!({"value": value}));
        let micros = Duration::from_micros(150 * place as u64);
        let _ = tokio::time::timeout(micros, deciding).await;
        // As a crash at this instant leaves it, too.
        let after = World::from_image(&world.image(), &world.clock).await;
        for service in [&world.service, &after.service] {
            let list = listed(service).await;
            let is_settled = list.conflicts.iter().all(|it| it.id != conflict.id);
            let mut reader = Device::of(service, "ann");
            reader.open(0).await.unwrap();
            reader.pull(10).await.unwrap();
            let holds = reader.values.into_values().next();
            assert_eq!(holds == Some(value.clone()), is_settled);
            assert_eq!(list.open, list.conflicts.len() as u64);
        }
        assert_eq!(after.verified().await, Vec::<String>::new());
    }
    // The older ones override what came after them, once: that is kept, and settled in its turn.
    for _ in 0..2 {
        for conflict in listed(&world.service).await.conflicts {
            let settled = settle(&world.service, &conflict.id, json!({"take": "device"}));
            settled.await.unwrap();
        }
    }
    assert_eq!(listed(&world.service).await.open, 0);
    assert_eq!(world.verified().await, Vec::<String>::new());
}

/// T-40: a value brings back what was deleted before the truth knew it, under a key of its own, and a
/// verification finds nothing wrong with that.
pub(crate) async fn a_dead_record_is_brought_back(world: World) {
    let local_id = Uuid::new_v4();
    let mut device = Device::new(&world);
    device.open(1).await.unwrap();
    let gone = json!({"key": local_id, "is_pending": true, "deleted": true});
    device.push(json!([gone])).await.unwrap();
    let mut copy = Device::new(&world);
    copy.open(1).await.unwrap();
    let made = json!([pending(local_id, &json!({"a": 1}))]);
    assert_eq!(copy.push(made).await.unwrap().conflicts, 1);
    let conflict = listed(&world.service).await.conflicts.remove(0);
    assert_eq!(conflict.key.to_string(), local_id.to_string());
    let settled = settle(&world.service, &conflict.id, json!({"take": "device"}));
    let record = settled.await.unwrap().record.unwrap();
    assert_ne!(record.key, conflict.key);
    assert_eq!(world.keys().await, [record.key.to_string()].into());
    assert_eq!(world.verified().await, Vec::<String>::new());
}
