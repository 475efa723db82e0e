//! Followed queries: after each random step (writes, batches, another tab's commits, syncs,
//! restarts, moments gone from the disk) each equals the plain answer, everything filtered and
//! sorted; and what is told of a change is no more than what changed.

use alloc::{borrow::ToOwned, format, rc::Rc, string::String, vec::Vec};
use core::cell::{Cell, RefCell};

use super::chaos::Dice;
use super::model::Model;
use super::world::{Tab, World, create, delete, put, undo, update};
use crate::client::{Client, DeclaredIndex, Delta, Doc, ErrorCode, Follow, Operation, Options};
use crate::query::{Position, Query};
use crate::store::MemoryPages;

fn options() -> Options {
    let index = |fields: &[&str]| DeclaredIndex {
        entity: "todo".into(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    Options {
        indexes: [index(&["p"]), index(&["p", "q"]), index(&["q"])].into(),
        ..Options::default()
    }
}

/// A query that is followed, and its answer as put together from what was told.
struct Live {
    follow: Follow<Tab>,
    text: String,
    query: Query,
    after: Option<Position>,
    rows: Vec<Doc>,
}

impl Live {
    async fn begin(client: &Client<Tab>, text: String) -> Self {
        let query = Query::parse(&text).unwrap();
        let mut after = None;
        if let Some(key) = &query.after {
            after = client.get("todo", key).await.map(|it| query.position(&it));
        }
        Self {
            follow: client.follow("todo", text.clone()),
            text,
            query,
            after,
            rows: Vec::new(),
        }
    }

    /// Hears what became of the answer; true: only of changes.
    async fn hear(&mut self) -> bool {
        let Some(delta) = self.follow.next().await.unwrap() else {
            return true;
        };
        let is_whole = delta.is_whole;
        if !is_whole {
            let is_new = |doc: &Doc| !self.rows.contains(doc);
            assert!(delta.docs.iter().all(is_new), "told twice: {}", self.text);
            assert!(!delta.removed.is_empty() || !delta.docs.is_empty());
        }
        self.apply(delta);
        !is_whole
    }

    fn apply(&mut self, delta: Delta) {
        if delta.is_whole {
            self.rows.clear();
        }
        for place in delta.removed {
            self.rows.remove(place);
        }
        assert_eq!(delta.placed.len(), delta.docs.len());
        for (place, doc) in delta.placed.into_iter().zip(delta.docs) {
            self.rows.insert(place, doc);
        }
        self.rows.truncate(delta.count);
        assert_eq!(self.rows.len(), delta.count);
    }

    /// The plain answer: everything, filtered, sorted, cut.
    async fn expected(&self, client: &Client<Tab>) -> Vec<Doc> {
        let mut rows = client.find("todo", "").await.unwrap();
        rows.retain(|doc| self.query.matches(doc));
        rows.sort_by_key(|doc| self.query.position(doc));
        if let Some(after) = &self.after {
            rows.retain(|doc| self.query.position(doc) > *after);
        }
        rows.truncate(self.query.limit.unwrap_or(usize::MAX));
        rows
    }
}

fn pick<'a>(dice: &Dice, from: &[&'a str]) -> &'a str {
    from[usize::try_from(dice.roll(from.len() as u64)).unwrap()]
}

/// A random query; `keys` are those of records that it may go on after.
fn query(dice: &Dice, keys: &[String]) -> String {
    let number = dice.roll(5);
    let conditions = [
        String::new(),
        format!(r#""p":{number}"#),
        format!(r#""p":{{"gte":{number}}}"#),
        format!(r#""q":{{"in":[{number},1]}}"#),
        format!(r#""p":{number},"q":{{"lt":3}}"#),
        r#""q":{"exists":false}"#.to_owned(),
    ];
    let condition = &conditions[usize::try_from(dice.roll(6)).unwrap()];
    let orders = [
        "",
        r#""p""#,
        r#""-p""#,
        r#""q","-key""#,
        r#""-q","p""#,
        r#""-updated""#,
        r#""-p","-q","-key""#,
        r#""-key""#,
    ];
    let order = pick(dice, &orders);
    let limit = pick(
        dice,
        &[
            "",
            "",
            r#","limit":0"#,
            r#","limit":1"#,
            r#","limit":4"#,
            r#","limit":40"#,
        ],
    );
    let after = match dice.roll(4) {
        0 if !keys.is_empty() => {
            let key = &keys[usize::try_from(dice.roll(keys.len() as u64)).unwrap()];
            format!(r#","after":"{key}""#)
        }
        _ => String::new(),
    };
    format!(r#"{{"where":{{{condition}}},"orderBy":[{order}]{limit}{after}}}"#)
}

fn value(dice: &Dice) -> String {
    let filler = "x".repeat(usize::try_from(dice.roll(60)).unwrap());
    let (p, q) = (dice.roll(6), dice.roll(6));
    if dice.roll(5) == 0 {
        format!(r#"{{"p":{p},"text":"{filler}"}}"#)
    } else {
        format!(r#"{{"p":{p},"q":{q},"text":"{filler}"}}"#)
    }
}

/// One device of two tabs, another beside it, and what the first tab follows.
struct Course {
    dice: Rc<Dice>,
    tab: Tab,
    tabs: [Client<Tab>; 2],
    other: Client<Tab>,
    lives: Vec<Live>,
}

impl Course {
    async fn begin(seed: u64) -> Self {
        let dice = Rc::new(Dice(Cell::new(seed)));
        let model = Rc::new(RefCell::new(Model::new(5)));
        let open = |seed| {
            let (tab, server) = (World::on(MemoryPages::new(), seed), Rc::clone(&model));
            tab.plays(move |path, body| Ok(server.borrow_mut().call(path, body)));
            tab
        };
        let (tab, beside) = (open(dice.roll(u64::MAX)), open(dice.roll(u64::MAX)));
        let client = || Client::open(tab.clone(), options());
        let tabs = [client().await.unwrap(), client().await.unwrap()];
        let other = Client::open(beside, options()).await.unwrap();
        let mut course = Self {
            dice,
            tab,
            tabs,
            other,
            lives: Vec::new(),
        };
        course.follow().await;
        course
    }

    /// Begins to follow anew.
    async fn follow(&mut self) {
        let docs = self.tabs[0].find("todo", "").await.unwrap();
        let keys: Vec<String> = docs.iter().map(Doc::handle).collect();
        self.lives.clear();
        for _ in 0..6 {
            let text = query(&self.dice, &keys);
            self.lives.push(Live::begin(&self.tabs[0], text).await);
        }
        // The first answer is whole.
        for live in &mut self.lives {
            assert!(!live.hear().await);
        }
    }

    async fn operation(&self, client: &Client<Tab>) -> Operation {
        let docs = client.find("todo", "").await.unwrap();
        let dice = &self.dice;
        let key = match docs.len() {
            0 => "none".to_owned(),
            count => docs[usize::try_from(dice.roll(count as u64)).unwrap()]
                .key
                .clone(),
        };
        match dice.roll(12) {
            0..4 => create("todo", &format!("[{},{}]", value(dice), value(dice))),
            4 => create("note", &format!("[{}]", value(dice))),
            5..9 => update("todo", &key, &format!(r#"{{"p":{}}}"#, dice.roll(6))),
            9 => put("todo", pick(dice, &["mine", "mine too", "a"]), &value(dice)),
            10 => undo("todo", &key),
            _ => delete("todo", &key),
        }
    }

    async fn step(&mut self) {
        let now = &self.tab.0.now;
        now.set(now.get() + 1_000);
        let tab = usize::try_from(self.dice.roll(2)).unwrap();
        match self.dice.roll(16) {
            0..7 => {
                let operation = self.operation(&self.tabs[tab]).await;
                drop(self.tabs[tab].write([operation].into()).await);
            }
            7 | 8 => {
                let mut batch = self.tabs[tab].begin().await.unwrap();
                for _ in 0..5 {
                    let operation = self.operation(&self.tabs[tab]).await;
                    drop(batch.apply([operation].into()).await);
                }
                drop(batch.commit().await);
            }
            9 | 10 => drop(self.tabs[tab].syncs().await),
            11..14 => {
                let operation = self.operation(&self.other).await;
                drop(self.other.write([operation].into()).await);
                drop(self.other.syncs().await);
                drop(self.tabs[tab].syncs().await);
            }
            14 => {
                // The first tab sleeps while much is done.
                for _ in 0..20 {
                    now.set(now.get() + 60_000);
                    let values = format!("[{}]", value(&self.dice));
                    self.tabs[1].does(create("todo", &values)).await;
                }
            }
            _ => {
                self.tabs[0] = Client::open(self.tab.clone(), options()).await.unwrap();
                self.follow().await;
            }
        }
        self.tabs[1].refresh().await.unwrap();
        self.tabs[0].refresh().await.unwrap();
    }

    async fn check(&mut self, seed: u64) {
        for live in &mut self.lives {
            live.hear().await;
            let expected = live.expected(&self.tabs[0]).await;
            assert_eq!(live.rows, expected, "seed {seed}: {}", live.text);
            if live.after.is_none() {
                let found = self.tabs[0].find("todo", &live.text).await.unwrap();
                assert_eq!(found, expected, "seed {seed}: {}", live.text);
            }
            assert_eq!(live.follow.next().await.unwrap(), None);
        }
    }
}

#[test]
fn rule_q3_whatever_happens_a_followed_query_equals_a_recomputation() {
    let runs = std::env::var("TIDEMARK_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    for seed in 0..runs.unwrap_or(40) {
        pollster::block_on(async {
            let mut course = Course::begin(seed).await;
            for _ in 0..40 {
                course.step().await;
                course.check(seed).await;
            }
        });
    }
}

#[pollster::test]
async fn rule_q4_what_a_change_costs_is_in_proportion_to_it() {
    let tab = Tab::new();
    let writing = Client::open(tab.clone(), options()).await.unwrap();
    let values: Vec<String> = (0..5_000)
        .map(|n| format!(r#"{{"p":{n},"text":"{}"}}"#, "x".repeat(200)))
        .collect();
    let made = writing
        .does(create("todo", &format!("[{}]", values.join(","))))
        .await;
    let pages = tab.0.pages.page_ids().len() as u64;
    assert!(pages > 100);

    let client = Client::open(tab.clone(), options()).await.unwrap();
    let text = r#"{"where":{"p":{"gte":100}},"orderBy":["p"],"limit":10}"#;
    let mut live = Live::begin(&client, text.to_owned()).await;
    live.hear().await;
    // Far from the answer, at its end, in it, and out of it, so that others come after.
    for (row, p, docs) in [
        (4_000, 1, 0),
        (102, 9_000, 1),
        (3_000, 105, 1),
        (4_500, 0, 0),
    ] {
        let fields = format!(r#"{{"p":{p}}}"#);
        writing.does(update("todo", &made[row].key, &fields)).await;
        client.refresh().await.unwrap();
        let before = tab.0.pages.pages_read();
        let delta = live.follow.next().await.unwrap().unwrap_or_default();
        assert!(!delta.is_whole);
        assert_eq!(delta.docs.len(), docs, "p of {row} is {p}");
        let read = tab.0.pages.pages_read() - before;
        assert!(read <= 12, "{read} of {pages} pages for one record");
        let is_same = delta == Delta::default();
        if !is_same {
            live.apply(delta);
        }
        assert_eq!(live.rows, live.expected(&writing).await);
    }
    // Records of another entity are no change at all.
    writing.does(create("note", r#"[{"p":101}]"#)).await;
    client.refresh().await.unwrap();
    assert_eq!(live.follow.next().await.unwrap(), None);
}

#[pollster::test]
async fn a_moment_that_is_gone_from_the_disk_is_answered_anew() {
    let tab = Tab::new();
    let writing = Client::open(tab.clone(), options()).await.unwrap();
    let values: Vec<String> = (0..2_000)
        .map(|n| format!(r#"{{"p":{n},"text":"{}"}}"#, "x".repeat(200)))
        .collect();
    let made = writing
        .does(create("todo", &format!("[{}]", values.join(","))))
        .await;
    // It reads the pages of its rows, and no others.
    let client = Client::open(tab.clone(), options()).await.unwrap();
    let text = r#"{"where":{"p":{"gte":100,"lt":110}}}"#;
    let mut live = Live::begin(&client, text.to_owned()).await;
    live.hear().await;
    for doc in made.iter().step_by(20) {
        tab.0.now.set(tab.0.now.get() + 60_000);
        let fields = format!(r#"{{"text":"{}"}}"#, "y".repeat(900));
        writing.does(update("todo", &doc.key, &fields)).await;
    }
    client.refresh().await.unwrap();
    assert!(!live.hear().await);
    assert_eq!(live.rows, live.expected(&writing).await);
    writing.does(delete("todo", &made[105].key)).await;
    client.refresh().await.unwrap();
    assert!(live.hear().await, "and then followed again");
    assert_eq!(live.rows.len(), 9);
}

#[pollster::test]
async fn rule_q5_a_walk_in_pages_gives_what_stays_in_its_place_once() {
    let client = Client::open(Tab::new(), options()).await.unwrap();
    let values: Vec<String> = (0..100).map(|n| format!(r#"{{"p":{n}}}"#)).collect();
    let made = client
        .does(create("todo", &format!("[{}]", values.join(","))))
        .await;
    let mut walk = client.follow("todo", r#"{"orderBy":["-p"]}"#.to_owned());
    let mut given = Vec::new();
    loop {
        let page = walk.page(7).await.unwrap();
        let Some(last) = page.last() else { break };
        // The row that it goes on after is deleted, or moves to where it was already.
        let operation = match given.len() % 2 {
            0 => delete("todo", &last.key),
            _ => update("todo", &last.key, r#"{"p":1000}"#),
        };
        client.does(operation).await;
        // Others look at pages, too.
        for limit in 1..100 {
            let query = format!(r#"{{"limit":{limit}}}"#);
            client.find("todo", &query).await.unwrap();
        }
        given.extend(page);
    }
    let keys: Vec<&String> = given.iter().map(|doc| &doc.key).collect();
    let expected: Vec<&String> = made.iter().rev().map(|doc| &doc.key).collect();
    assert_eq!(keys, expected);
}

#[pollster::test]
async fn a_window_that_lost_rows_is_filled_again_and_much_at_once_is_answered_anew() {
    let tab = Tab::new();
    let client = Client::open(tab.clone(), options()).await.unwrap();
    let values: Vec<String> = (0..200).map(|n| format!(r#"{{"p":{n}}}"#)).collect();
    let made = client
        .does(create("todo", &format!("[{}]", values.join(","))))
        .await;
    let text = r#"{"orderBy":["-p"],"limit":10}"#;
    let mut live = Live::begin(&client, text.to_owned()).await;
    live.hear().await;
    let operations: Vec<Operation> = made[120..]
        .iter()
        .map(|doc| delete("todo", &doc.key))
        .collect();
    client.write(operations).await.unwrap();
    assert!(!live.hear().await, "the rest is found by the index");
    assert_eq!(live.rows, live.expected(&client).await);
    let many = "{\"p\":500},".repeat(1_100);
    client.does(create("todo", &format!("[{many}{{}}]"))).await;
    assert!(!live.hear().await);
    assert_eq!(live.rows, live.expected(&client).await);
}

#[pollster::test]
async fn a_query_that_cannot_be_followed_says_why() {
    let client = Tab::new().open().await;
    for wrong in [r#"{"wehre":1}"#, r#"{"orderBy":["p"],"after":"gone"}"#] {
        let mut follow = client.follow("todo", wrong.to_owned());
        for _ in 0..2 {
            let error = follow.next().await.unwrap_err();
            assert_eq!(error.code, ErrorCode::Invalid);
        }
        assert!(follow.page(1).await.is_err());
    }
}
