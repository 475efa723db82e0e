//! A person deletes a record and puts it back, with the very value that it had: it lives on,
//! wherever the sync between the two got stuck.

use serde_json::json;

use crate::{device::Device, world::World};

/// D-33
#[tokio::test]
async fn what_is_put_back_lives() {
    for seed in 0..60 {
        let world = World::start(seed).await;
        let devices = [Device::new(&world).await, Device::new(&world).await];
        let value = json!({"name": "milk", "a": 1});
        devices[0].create(&value).await;
        for device in &devices {
            device.sync().await.unwrap();
        }
        let key = devices[0].all().await.remove(0).key;
        // Whoever puts it back has made it, or pulled it; has deleted it, or pulled that.
        let (deletes, puts) = (&devices[world.below(2)], &devices[world.below(2)]);
        world.loss_percent.set([0, 30, 60][world.below(3)]);
        deletes.change(&key, None).await;
        for _ in 0..world.below(3) {
            let _ = deletes.sync().await;
        }
        if !std::ptr::eq(deletes, puts) {
            world.loss_percent.set(0);
            deletes.sync().await.unwrap();
            puts.sync().await.unwrap();
        }
        puts.put(&key, &value).await;
        for _ in 0..world.below(3) {
            let _ = puts.sync().await;
        }
        world.loss_percent.set(0);
        for device in [puts, deletes, puts] {
            let report = device.sync().await.unwrap();
            assert!(report.in_sync, "seed {seed}");
        }
        let truth = world.truth().await;
        assert_eq!(truth.len(), 1, "seed {seed}");
        assert_eq!(truth[0], (key.clone(), value_text()), "seed {seed}");
        for device in &devices {
            let held = device.all().await;
            assert_eq!(held.len(), 1, "seed {seed}");
            assert_eq!(held[0].value.as_str(), value_text(), "seed {seed}");
        }
    }
}

fn value_text() -> String {
    r#"{"a":1,"name":"milk"}"#.to_owned()
}
