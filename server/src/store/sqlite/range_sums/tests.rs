//! T-79: however the truth was pushed to, folded and compacted: the sums of a range are those of its
//! rows. `SUMS_SEED=n cargo test -p tidemark-server range_sums` repeats one schedule.

use serde_json::json;
use tidemark_engine::fingerprint::RecordFingerprint;
use tidemark_engine::truth::{Span, Sum};
use tidemark_protocol::Checkin;

use super::super::{Change, Gates, Sqlite};

const KEYS: u64 = 4000;
const BIRTH: i64 = 10;

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn key(&mut self) -> String {
        format!("{:05}", self.below(KEYS))
    }
}

fn at(micros: i64) -> Checkin {
    Checkin::from_micros(micros).unwrap()
}

struct World {
    store: Sqlite,
    id: String,
    head: i64,
    /// Nobody asks for earlier moments.
    pin: i64,
    random: Random,
}

impl World {
    async fn new(seed: u64) -> Self {
        let store = Sqlite::connect(":memory:").await.unwrap();
        let mut change = store.change(Gates::default()).await.unwrap();
        let datastore = change.create_datastore("ann", at(BIRTH)).await;
        change.commit().await.unwrap();
        Self {
            store,
            id: datastore.unwrap().id,
            head: BIRTH,
            pin: BIRTH,
            random: Random(seed),
        }
    }

    async fn change(&self) -> Change {
        self.store.change(Gates::default()).await.unwrap()
    }

    /// A commit of some keys, some of them deletions.
    async fn push(&mut self, count: u64) {
        self.head += 1 + self.random.below(3).cast_signed();
        let mut rows = Vec::new();
        for _ in 0..count {
            let mut print = [0; 16];
            print[..8].copy_from_slice(&self.random.below(u64::MAX).to_be_bytes());
            let is_deleted = self.random.below(3) == 0;
            let print = (!is_deleted).then(|| RecordFingerprint(print).to_string());
            rows.push((self.random.key(), print));
        }
        rows.sort();
        rows.dedup_by(|one, other| one.0 == other.0);
        let rows = json!(rows).to_string();
        let mut change = self.change().await;
        for statement in [
            "update version set superseded = ?3 where datastore = ?1 and superseded is null \
             and key in (select value ->> 0 from json_each(?2))",
            "insert into version (datastore, key, checkin, entity, device, device_tick, stamps, \
             fingerprint, deleted) select ?1, value ->> 0, ?3, 'record', '', 0, '', value ->> 1, \
             value ->> 1 is null from json_each(?2)",
            "insert into commits (datastore, checkin) select ?1, ?3 where ?2 is not null",
            "update datastore set head = ?3, live = (select count(*) from version \
             where datastore = ?1 and superseded is null and deleted = 0) \
             where id = ?1 and ?2 is not null",
        ] {
            let done = sqlx::query(statement)
                .bind(&self.id)
                .bind(&rows)
                .bind(self.head)
                .execute(&mut *change.tx)
                .await;
            done.unwrap();
        }
        change.commit().await.unwrap();
    }

    /// Folds; where `meanwhile`, what was read is written after something was dropped.
    async fn fold(&mut self, meanwhile: bool) {
        let mut change = self.change().await;
        let datastore = change.datastore(&self.id).await.unwrap();
        let fold = change.fold(&datastore).await.unwrap();
        drop(change);
        if meanwhile {
            self.push(40).await;
            self.pin = self.head;
            self.drop_old().await;
        }
        let mut change = self.change().await;
        let datastore = change.datastore(&self.id).await.unwrap();
        if change.keep_fold(&datastore, &fold).await.unwrap() {
            change.commit().await.unwrap();
        }
    }

    async fn drop_old(&mut self) {
        let mut change = self.change().await;
        let up_to = at(self.pin);
        let dropped = change.drop_versions(&self.id, up_to, 500).await;
        dropped.unwrap();
        let dropped = change.drop_tombstones(&self.id, up_to, 0, 500).await;
        dropped.unwrap();
        change.commit().await.unwrap();
    }

    async fn check(&mut self) {
        let moments = (self.head - self.pin + 1).cast_unsigned();
        let moment = at(self.pin + self.random.below(moments).cast_signed());
        let mut change = self.change().await;
        let datastore = change.datastore(&self.id).await.unwrap();
        let mut sums = change.range_sums(&datastore, moment).await.unwrap();
        for span in self.spans() {
            let summed = change.range_sum(&self.id, &span, &mut sums).await.unwrap();
            let rows = change.row_sum(&self.id, &span, moment).await.unwrap();
            assert_eq!(summed, rows, "{span:?} as of {moment}");
            let items = change.range_items(&self.id, &span, &sums).await.unwrap();
            assert_eq!(Sum::of(&items), rows, "{span:?} as of {moment}");
            let cuts = change.cuts(&self.id, &span, 5).await.unwrap();
            assert!(cuts.len() <= 5 && cuts.is_sorted());
            assert!(cuts.iter().all(|cut| *cut > span.from && span.holds(cut)));
        }
    }

    /// Ranges as a call tells them: in order, many to a bucket or over several of them.
    fn spans(&mut self) -> Vec<Span> {
        let mut places: Vec<String> = (0..8).map(|_| self.random.key()).collect();
        if self.random.below(2) == 0 {
            let near = self.random.below(KEYS);
            places.extend((0..6).map(|step| format!("{:05}", near + 9 * step)));
        }
        places.sort();
        let from = (self.random.below(3) == 0).then(String::new);
        let mut places = from.into_iter().chain(places).peekable();
        let mut spans = Vec::new();
        while let Some(from) = places.next() {
            let to = places.peek().cloned();
            if to.is_some() || self.random.below(3) == 0 {
                spans.push(Span { from, to });
            }
        }
        spans
    }
}

/// T-79
#[tokio::test]
async fn t79_the_sums_of_ranges_are_those_of_their_rows() {
    let only = std::env::var("SUMS_SEED").ok();
    let only = only.and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..6, |seed: u64| seed..seed + 1) {
        eprintln!("repeat with SUMS_SEED={seed}");
        let mut world = World::new(seed).await;
        world.push(3 * KEYS).await;
        for _ in 0..40 {
            match world.random.below(8) {
                0..3 => {
                    let count = [1, 30, KEYS][usize::try_from(world.random.below(3)).unwrap()];
                    world.push(count).await;
                }
                3 | 4 => world.fold(false).await,
                5 => world.fold(true).await,
                6 => {
                    let ahead = (world.head - world.pin + 1).cast_unsigned();
                    world.pin += world.random.below(ahead).cast_signed();
                    world.drop_old().await;
                }
                _ => {}
            }
            world.check().await;
        }
    }
}
