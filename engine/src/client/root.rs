//! The root record of a local database: its trees, and what the device knows of itself.
//!
//! Its bytes are a promise to disks: a version, members in a fixed order, and the checksum of all
//! that, which every later version keeps. So damage is told from a newer version: that is refused,
//! for it may mean things that this code would lose.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use tidemark_protocol::{Checkin, Limits};
use uuid::Uuid;

use super::codec::{Reader, Unreadable, put_bytes, put_number, put_text};
use super::indexes::Index;
use super::record::{Confirmed, split_row_key};
use crate::fingerprint::DatastoreFingerprint;
use crate::query::Field;
use crate::store::{CHECKSUM_BYTES, FreedPages, PageId, Shape, Tree, is_sealed, seal};

const VERSION: u8 = 4;
/// What a root record's checksum takes for its id.
const ROOT: PageId = PageId([0; 16]);
/// An attempts list over this many keeps its first and its newest.
const ATTEMPTS_MAX: usize = 16;

/// The shape of the trees that hold whole records or names.
///
/// Most commits write just the root record. More changes waiting in it make each commit larger;
/// fewer send them to the pages, some 20 kB, more often. The least bytes are written where both
/// cost the same: at 4 kB with records of 400 bytes, at less with index entries of 60.
pub(super) static PLAIN: Shape = Shape {
    buffer_bytes: WAITING_BYTES,
    ..Shape::LARGE
};
/// The shape of the index trees.
pub(super) static INDEX: Shape = Shape {
    buffer_bytes: WAITING_BYTES / 2,
    ..Shape::LARGE
};
#[cfg(not(test))]
const WAITING_BYTES: usize = 4 * 1024;
/// So little that a few records go either way.
#[cfg(test)]
const WAITING_BYTES: usize = 800;
/// The shape of the confirmed tree: its branches carry the fingerprint of what lies below.
pub(super) static CONFIRMED: Shape = Shape::LARGE.with_sum(contribution);

/// What a confirmed row adds to the datastore fingerprint. A row that cannot be read adds
/// nothing: the sum then proves that something is wrong.
fn contribution(row: &[u8], value: &[u8]) -> DatastoreFingerprint {
    match (split_row_key(row), Confirmed::fingerprint_of(value)) {
        (Ok((_, key)), Ok(fingerprint)) => DatastoreFingerprint::of_record(key, &fingerprint),
        _ => DatastoreFingerprint::EMPTY,
    }
}

/// Everything that changes in one commit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Root {
    pub(super) confirmed: Tree,
    pub(super) confirmed_index: Tree,
    pub(super) overlay: Tree,
    pub(super) overlay_index: Tree,
    pub(super) aliases: Tree,
    /// The conflicts that wait for a person, as the server told them last: JSON texts by id.
    pub(super) conflicts: Tree,
    /// What a person decided on some of them, and the server has not heard yet, by id.
    pub(super) decisions: Tree,
    /// The declared indexes.
    pub(super) indexes: Vec<Index>,
    /// The number of the newest edit.
    pub(super) edit: u64,
    /// Edits up to this number may have left the device.
    pub(super) sent: u64,
    /// How many edits are set aside with a problem.
    pub(super) set_aside: u64,
    pub(super) device: Uuid,
    /// As PROTOCOL.md's open wants them.
    pub(super) attempts: Vec<Uuid>,
    /// The datastore this database belongs to for good.
    pub(super) datastore: Option<String>,
    pub(super) last_sync: Option<Checkin>,
    /// Since when the server's list of conflicts is as it is held here.
    pub(super) conflicts_changed: Option<Checkin>,
    /// As the server told them last.
    pub(super) limits: Limits,
    pub(super) staged: Option<Staged>,
    /// Something was lost to damage since the last sync that ended in step: how many edits.
    pub(super) damage: Option<u64>,
    /// Pages replaced by the newest commits: readers may still hold their roots.
    pub(super) freed: FreedPages,
}

/// A pull on its way: nobody sees it until it ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Staged {
    pub(super) confirmed: Tree,
    pub(super) index: Tree,
    /// Where the window starts.
    pub(super) start: Option<Checkin>,
    /// Where the next page starts.
    pub(super) cursor: String,
    /// Pages of the published trees that the staged ones no longer use.
    pub(super) freed: Vec<PageId>,
    /// Pages made for the staged trees.
    pub(super) made: Vec<PageId>,
}

impl Root {
    /// The root of a database that nobody wrote to.
    pub(super) fn new(device: Uuid) -> Self {
        Self {
            confirmed: Tree::new(&CONFIRMED),
            confirmed_index: Tree::new(&INDEX),
            overlay: Tree::new(&PLAIN),
            overlay_index: Tree::new(&INDEX),
            aliases: Tree::new(&PLAIN),
            conflicts: Tree::new(&PLAIN),
            decisions: Tree::new(&PLAIN),
            indexes: Vec::new(),
            edit: 0,
            sent: 0,
            set_aside: 0,
            device,
            attempts: Vec::new(),
            datastore: None,
            last_sync: None,
            conflicts_changed: None,
            limits: Limits::default(),
            staged: None,
            damage: None,
            freed: FreedPages::default(),
        }
    }

    /// Adds an attempt at opening a session.
    pub(super) fn add_attempt(&mut self, attempt: Uuid) {
        self.attempts.push(attempt);
        if self.attempts.len() > ATTEMPTS_MAX {
            self.attempts.remove(1);
        }
    }

    /// Where an interrupted pull goes on.
    pub(super) fn cursor(&self) -> Option<&str> {
        let cursor = self.staged.as_ref().map(|staged| staged.cursor.as_str());
        cursor.filter(|cursor| !cursor.is_empty())
    }

    /// All that everybody sees, in the order of their bytes.
    pub(super) const fn trees(&self) -> [&Tree; 7] {
        [
            &self.confirmed,
            &self.confirmed_index,
            &self.overlay,
            &self.overlay_index,
            &self.aliases,
            &self.conflicts,
            &self.decisions,
        ]
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.push(VERSION);
        for tree in self.trees() {
            tree.encode(&mut out);
        }
        put_number(&mut out, self.indexes.len() as u64);
        for index in &self.indexes {
            put_number(&mut out, index.number);
            put_text(&mut out, &index.entity);
            put_number(&mut out, index.fields.len() as u64);
            index
                .fields
                .iter()
                .for_each(|field| put_text(&mut out, &field.to_string()));
        }
        put_number(&mut out, self.edit);
        put_number(&mut out, self.sent);
        put_number(&mut out, self.set_aside);
        out.extend_from_slice(self.device.as_bytes());
        put_number(&mut out, self.attempts.len() as u64);
        self.attempts
            .iter()
            .for_each(|attempt| out.extend_from_slice(attempt.as_bytes()));
        put_text(&mut out, self.datastore.as_deref().unwrap_or_default());
        put_checkin(&mut out, self.last_sync);
        put_checkin(&mut out, self.conflicts_changed);
        put_number(&mut out, self.limits.push_records.into());
        put_number(&mut out, self.limits.pull_records.into());
        put_number(&mut out, self.limits.body_bytes);
        self.freed.encode(&mut out);
        put_number(&mut out, self.damage.map_or(0, |lost| lost + 1));
        out.push(u8::from(self.staged.is_some()));
        if let Some(staged) = &self.staged {
            staged.encode(&mut out);
        }
        out.extend_from_slice(&[0; CHECKSUM_BYTES]);
        seal(&ROOT, &mut out);
        out
    }

    /// `None`: the bytes are damaged.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, Unreadable> {
        if !is_sealed(&ROOT, bytes) {
            return Ok(None);
        }
        let mut reader = Reader::new(&bytes[..bytes.len() - CHECKSUM_BYTES]);
        if reader.byte()? != VERSION {
            return Err(Unreadable);
        }
        let mut root = Self::new(Uuid::nil());
        for tree in [
            &mut root.confirmed,
            &mut root.confirmed_index,
            &mut root.overlay,
            &mut root.overlay_index,
            &mut root.aliases,
            &mut root.conflicts,
            &mut root.decisions,
        ] {
            *tree = reader.tree(tree.shape())?;
        }
        for _ in 0..reader.number()? {
            let number = reader.number()?;
            let entity = reader.text()?.to_owned();
            let mut fields = Vec::new();
            for _ in 0..reader.number()? {
                fields.push(Field::named(reader.text()?));
            }
            root.indexes.push(Index {
                number,
                entity,
                fields,
            });
        }
        root.edit = reader.number()?;
        root.sent = reader.number()?;
        root.set_aside = reader.number()?;
        root.device = Uuid::from_bytes(reader.array()?);
        for _ in 0..reader.number()? {
            root.attempts.push(Uuid::from_bytes(reader.array()?));
        }
        root.datastore = Some(reader.text()?.to_owned()).filter(|name| !name.is_empty());
        root.last_sync = reader.checkin()?;
        root.conflicts_changed = reader.checkin()?;
        root.limits.push_records = reader.count()?;
        root.limits.pull_records = reader.count()?;
        root.limits.body_bytes = reader.number()?;
        root.freed = FreedPages::decode(reader.rest_mut()).ok_or(Unreadable)?;
        root.damage = reader.number()?.checked_sub(1);
        root.staged = match reader.byte()? {
            0 => None,
            1 => Some(Staged::decode(&mut reader)?),
            _ => return Err(Unreadable),
        };
        if reader.is_empty() {
            Ok(Some(root))
        } else {
            Err(Unreadable)
        }
    }
}

impl Staged {
    fn encode(&self, out: &mut Vec<u8>) {
        self.confirmed.encode(out);
        self.index.encode(out);
        put_checkin(out, self.start);
        put_text(out, &self.cursor);
        put_ids(out, &self.freed);
        put_ids(out, &self.made);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            confirmed: reader.tree(&CONFIRMED)?,
            index: reader.tree(&INDEX)?,
            start: reader.checkin()?,
            cursor: reader.text()?.to_owned(),
            freed: reader.ids()?,
            made: reader.ids()?,
        })
    }
}

fn put_checkin(out: &mut Vec<u8>, checkin: Option<Checkin>) {
    match checkin {
        None => put_bytes(out, &[]),
        Some(checkin) => put_bytes(out, &checkin.micros().to_be_bytes()),
    }
}

fn put_ids(out: &mut Vec<u8>, ids: &[PageId]) {
    put_number(out, ids.len() as u64);
    for id in ids {
        out.extend_from_slice(&id.0);
    }
}

impl Reader<'_> {
    fn tree(&mut self, shape: &'static Shape) -> Result<Tree, Unreadable> {
        Tree::decode(shape, self.rest_mut()).ok_or(Unreadable)
    }

    fn ids(&mut self) -> Result<Vec<PageId>, Unreadable> {
        let mut ids = Vec::new();
        for _ in 0..self.number()? {
            ids.push(PageId(self.array()?));
        }
        Ok(ids)
    }

    fn count(&mut self) -> Result<u32, Unreadable> {
        u32::try_from(self.number()?).map_err(|_| Unreadable)
    }

    fn checkin(&mut self) -> Result<Option<Checkin>, Unreadable> {
        let bytes = self.bytes()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let micros = i64::from_be_bytes(bytes.try_into().map_err(|_| Unreadable)?);
        Checkin::from_micros(micros)
            .map(Some)
            .map_err(|_| Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Edit, Page, PageSource, Workspace};
    use alloc::{format, vec};

    struct NoPages;

    impl PageSource for NoPages {
        fn page(&self, _: &PageId) -> Option<Page> {
            None
        }
    }

    fn root() -> Root {
        let mut root = Root::new(Uuid::from_u128(7));
        let edits = vec![Edit::put(*b"key", *b"value")].into();
        Workspace::new(&NoPages, [0; 12])
            .apply(&mut root.overlay, &edits)
            .unwrap();
        let fields = vec![Field::Value("list".into()), Field::Updated];
        root.indexes = vec![Index {
            number: 3,
            entity: "todo".into(),
            fields,
        }];
        (root.edit, root.sent, root.set_aside) = (300, 299, 1);
        root.attempts = vec![Uuid::from_u128(8)];
        root.datastore = Some("ours".into());
        root.limits = Limits {
            push_records: 2000,
            pull_records: 2000,
            body_bytes: 8 * 1024 * 1024,
        };
        root.last_sync = Checkin::from_micros(1_000_001).ok();
        root.conflicts_changed = Checkin::from_micros(1_000_002).ok();
        root.freed.add(5, vec![PageId([9; 16])]);
        root.staged = Some(Staged {
            confirmed: Tree::new(&CONFIRMED),
            index: Tree::new(&INDEX),
            start: None,
            cursor: "at".into(),
            freed: vec![],
            made: vec![PageId([1; 16])],
        });
        root
    }

    #[test]
    fn a_root_comes_back_any_other_version_is_refused_and_damage_is_seen() {
        let bytes = root().encode();
        assert_eq!(Root::decode(&bytes), Ok(Some(root())));
        assert_eq!(Root::decode(&bytes[..bytes.len() - 1]), Ok(None));
        for version in [VERSION - 1, VERSION + 1] {
            let mut other = [&[version], &bytes[1..]].concat();
            assert_eq!(Root::decode(&other), Ok(None));
            seal(&ROOT, &mut other);
            assert_eq!(Root::decode(&other), Err(Unreadable));
        }
    }

    #[test]
    fn the_bytes_of_roots_never_change() {
        let hex = root()
            .encode()
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(hex, GOLDEN);
    }

    const GOLDEN: &str = "0400000000000118010100000009000000030c6b65790276616c7565000000000101000000000000\
         00000000000000000000000000000000000000000000000000000000000000000000000000000000\
         00010304746f646f02046c6973740775706461746564ac02ab020100000000000000000000000000\
         0000070100000000000000000000000000000008046f7572730800000000000f4241080000000000\
         0f4242d00fd00f808080040105000000000000000109090909090909090909090909090909000100\
         0000000002617400010101010101010101010101010101010162e450f9";

    #[test]
    fn a_long_list_of_attempts_keeps_its_first_and_its_newest() {
        let mut root = Root::new(Uuid::nil());
        (0..40).for_each(|number| root.add_attempt(Uuid::from_u128(number)));
        assert_eq!(root.attempts.len(), ATTEMPTS_MAX);
        assert_eq!(root.attempts[0], Uuid::from_u128(0));
        assert_eq!(root.attempts[15], Uuid::from_u128(39));
        assert_eq!(root.attempts[1], Uuid::from_u128(25));
    }
}
