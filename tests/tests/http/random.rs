//! Random schedules: several devices, plain clients written from the protocol, over a network that
//! loses, repeats and delays, and a server that is killed. In the end all agree, nothing is lost and
//! nothing doubled. `TIDEMARK_SEED=n` repeats one schedule.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tidemark_tests::device::{Device, Synced};
use tidemark_tests::network::{Faults, Network};
use tidemark_tests::server::Server;

const DEVICES: u64 = 4;
const STEPS: usize = 120;

struct World {
    rng: fastrand::Rng,
    devices: Vec<Device>,
    story: Story,
}

/// What the people did, to hold the end against.
#[derive(Default)]
struct Story {
    /// Made anywhere, by local id.
    made: BTreeSet<String>,
    /// Deleted anywhere, by local id or key: their fate is the conflict rules'.
    deleted: BTreeSet<String>,
    /// Each author's words on fields that nobody else writes, by handle and field, with their place
    /// in time.
    words: BTreeMap<(String, String), (u64, Value)>,
    /// Records with edits that a copied device has taken with it unsaid: two devices say them, and
    /// the later push of a whole value takes away what the earlier one added.
    contested: BTreeSet<String>,
    deeds: u64,
}

impl Story {
    /// A person does one thing: each writes a field of its own, and one that all write.
    fn goes_on(&mut self, rng: &mut fastrand::Rng, device: &mut Device) {
        self.deeds += 1;
        let own = device.author.clone();
        let word = json!(format!("word {}", self.deeds));
        let handles = device.handles();
        let kind = rng.u8(..10);
        if handles.is_empty() || kind < 4 {
            let handle = device.create("note", json!({"shared": word, &own: word}));
            self.made.insert(handle.clone());
            self.words.insert((handle, own), (self.deeds, word));
            return;
        }
        let handle = handles[rng.usize(..handles.len())].clone();
        if kind < 5 {
            device.delete(&handle);
            self.deleted.insert(handle);
        } else if kind < 8 {
            device.update(&handle, &own, word.clone());
            self.words.insert((handle, own), (self.deeds, word));
        } else {
            device.update(&handle, "shared", word);
        }
    }
}

fn run(seed: u64) {
    println!("TIDEMARK_SEED={seed} repeats this");
    let mut server = Server::start();
    let faults = Faults {
        request_lost: 8,
        answer_lost: 8,
        repeated: 5,
    };
    let mut net = Network::new(server.address(), faults, seed);
    let client = server.client("alice");
    let mut world = World {
        rng: fastrand::Rng::with_seed(seed),
        devices: (0..DEVICES)
            .map(|place| Device::new(client.clone(), seed * 1000 + place))
            .collect(),
        story: Story::default(),
    };
    for step in 0..STEPS {
        match world.rng.u8(..100) {
            0..3 => {
                server.kill();
                server.start_again();
                net.moved(server.address());
            }
            _ if step == STEPS / 2 => world.copy_a_device(seed * 1000 + 500),
            3..55 => world.edit(),
            _ => world.sync_one(&mut net),
        }
    }
    net.heal();
    world.settle(&mut net);
    world.judge(&server);
}

impl World {
    fn edit(&mut self) {
        let place = self.rng.usize(..self.devices.len());
        self.story.goes_on(&mut self.rng, &mut self.devices[place]);
    }

    fn sync_one(&mut self, net: &mut Network) {
        let place = self.rng.usize(..self.devices.len());
        let Self {
            rng,
            devices,
            story,
        } = self;
        devices[place].sync(net, &mut |device| {
            if rng.u8(..10) < 2 {
                story.goes_on(rng, device);
            }
        });
    }

    /// A profile is copied to a second machine and both go on. What was pending has two authors
    /// now, and the later push wins.
    fn copy_a_device(&mut self, seed: u64) {
        let place = self.rng.usize(..self.devices.len());
        let copy = self.devices[place].copied(seed);
        self.story.contested.extend(copy.pending());
        self.devices.push(copy);
    }

    /// Twice each, says the design, once changes have stopped.
    fn settle(&mut self, net: &mut Network) {
        for _ in 0..2 {
            for device in &mut self.devices {
                while device.sync(net, &mut |_| {}) != Synced::InSync {}
            }
        }
    }

    fn judge(&self, server: &Server) {
        let first = &self.devices[0];
        for device in &self.devices {
            assert_eq!(device.pending(), Vec::<String>::new());
            assert_eq!(device.confirmed(), first.confirmed());
        }
        let truth = server.client("alice").records();
        let truth: Vec<_> = truth.iter().map(|record| &record["key"]).collect();
        let held: Vec<_> = first.confirmed().keys().collect();
        assert_eq!(truth, held);
        self.judge_story(first);
    }

    fn judge_story(&self, held: &Device) {
        let keys = |handles: &BTreeSet<String>| -> BTreeSet<String> {
            handles.iter().map(|handle| self.key_of(handle)).collect()
        };
        let (made, deleted) = (keys(&self.story.made), keys(&self.story.deleted));
        let contested = keys(&self.story.contested);
        for key in made.difference(&deleted) {
            assert!(held.confirmed().contains_key(key), "{key} was lost");
        }
        for key in held.confirmed().keys() {
            assert!(made.contains(key), "{key} was doubled");
        }
        let mut last = BTreeMap::new();
        for ((handle, field), word) in &self.story.words {
            let place = (self.key_of(handle), field);
            let latest = last.entry(place).or_insert(word);
            if word.0 > latest.0 {
                *latest = word;
            }
        }
        for ((key, field), (_, word)) in last {
            if !deleted.contains(&key) && !contested.contains(&key) {
                assert_eq!(&held.confirmed()[&key].value[field], word, "{key} {field}");
            }
        }
    }

    fn key_of(&self, handle: &str) -> String {
        let known = self.devices.iter().find_map(|device| device.key_of(handle));
        known.unwrap_or(handle).to_owned()
    }
}

#[test]
fn random_schedules_end_in_agreement() {
    let seed = std::env::var("TIDEMARK_SEED").ok();
    match seed.and_then(|seed| seed.parse().ok()) {
        Some(seed) => run(seed),
        None => (1..=6).for_each(run),
    }
}
