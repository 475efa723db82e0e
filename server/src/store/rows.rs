//! What the store keeps besides records, as the sessions see it.

use sha2::{Digest, Sha256};
use tidemark_engine::{
    fingerprint::DatastoreFingerprint,
    json::Canonical,
    truth::{Airbag, Answer, Conflict, Fixed, Flow, Head, Mark, Place, Policies, Retention},
    version::Version,
};
use tidemark_protocol::{Checkin, ConflictSummary, DeviceId, LocalId, Mode, SessionId};

/// One datastore's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datastore {
    /// Its name.
    pub(crate) id: String,
    /// Its newest commit.
    pub(crate) head: Checkin,
    /// Tombstones up to here have been dropped.
    pub(crate) forgotten: Option<Checkin>,
    /// From here on the truth is whole at every moment, values and all; `None`: from the
    /// beginning.
    pub(crate) history_from: Option<Checkin>,
    /// From here on commits have their fingerprints; `None`: from the beginning.
    pub(crate) fingerprints_from: Option<Checkin>,
    /// A device has replaced the truth.
    pub(crate) mark: Option<Mark>,
    /// The sums by ranges of keys are of this moment; `None`: there are none.
    pub(crate) sums_at: Option<Checkin>,
    /// The fingerprint of the whole truth at the head.
    pub(crate) fingerprint: DatastoreFingerprint,
    /// How many records live at the head.
    pub(crate) live: u64,
    /// The unsettled conflicts.
    pub(crate) conflicts: ConflictSummary,
    /// Who wins what two devices changed, as far as it was set for this datastore.
    pub(crate) policies: Policies,
    /// When a push that deletes is held, if it was set for this datastore.
    pub(crate) airbag: Option<Airbag>,
    /// How long it keeps what it no longer needs, if it was set for this datastore.
    pub(crate) retention: Option<Retention>,
}

impl Datastore {
    /// The name of a user's own datastore. It follows from the user's, so that a truth that was
    /// restored from before it was made makes it again under the name that devices know. 64 bits:
    /// short, for it stands in every row of every index.
    pub(crate) fn id_of(user: &str) -> String {
        let digest = Sha256::new()
            .chain_update(b"datastore\0")
            .chain_update(user)
            .finalize();
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        format!("{:016x}", u64::from_be_bytes(bytes))
    }

    /// The truth as the mingle takes it.
    pub(crate) fn truth_head(&self) -> Head {
        Head {
            checkin: self.head,
            forgotten: self.forgotten,
            fingerprint: self.fingerprint,
            live: self.live,
        }
    }
}

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    /// Whose it is.
    pub(crate) user: String,
    /// Up to where it has applied everything, by its last finish.
    pub(crate) last_sync: Option<Checkin>,
    /// The attempt that its last session was opened with.
    pub(crate) attempt: Option<uuid::Uuid>,
    /// How many commits it has made.
    pub(crate) tick: u64,
    /// When it last opened or finished, in microseconds since 1970; `None`: it is new.
    pub(crate) seen: Option<i64>,
    /// What is fixed for it.
    pub(crate) fixed: Fixed,
    /// Nothing more is known of it than whose it is, and what it has pushed.
    pub(crate) is_forgotten: bool,
}

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// Its name.
    pub(crate) id: SessionId,
    /// Where.
    pub(crate) datastore: String,
    /// Whose.
    pub(crate) device: DeviceId,
    /// As decided at open.
    pub(crate) mode: Mode,
    /// Which way records flow, as decided at open.
    pub(crate) flow: Flow,
    /// Up to where the device has applied everything.
    pub(crate) last_sync: Option<Checkin>,
    /// The same, when the session was opened.
    pub(crate) since: Option<Checkin>,
    /// Where the window ends.
    pub(crate) max_checkin: Checkin,
    /// The device holds nothing yet: tombstones are of no use to it.
    pub(crate) leaves_out_tombstones: bool,
    /// What the device is said to have done up to here may be another copy's of it.
    pub(crate) doubted_up_to: Option<Checkin>,
    /// Where the window that was sent started.
    pub(crate) from: Option<Place>,
    /// The last place that was sent; `None`: nothing was.
    pub(crate) pulled: Option<Place>,
    /// How many records were left after that place, if nothing was pushed since.
    pub(crate) remaining: Option<u64>,
    /// The device acks by itself, so that its finish does not ack the rest.
    pub(crate) acked: bool,
    /// How many records its reconciling has deleted in the truth.
    pub(crate) deleted: u64,
    /// When it was last called, in microseconds since 1970.
    pub(crate) touched: i64,
}

impl Session {
    /// Whether what it was asked for is taken for an edit whose mark was lost, and the truth stays
    /// where somebody else has changed the record since; else it is an edit like any other.
    pub(crate) fn holds_to_the_truth(&self) -> bool {
        self.mode != Mode::Slow || self.flow.mirror
    }
}

/// A version with what its receiver is told beside it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The version. Its value is not read where the receiver just pushed the very same.
    pub(crate) version: Version,
    /// What the session pushed of it.
    pub(crate) pushed: Option<Answer>,
    /// The receiver's own name for it, while its knowing the key is not confirmed.
    pub(crate) unconfirmed: Option<LocalId>,
}

/// A conflict as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct KeptConflict {
    /// What lost against what.
    pub(crate) conflict: Conflict,
    /// The commit that stored it.
    pub(crate) stored: Checkin,
    /// The commit that settled it.
    pub(crate) settled: Option<Checkin>,
    /// What a person decided; `None`: nobody did, though a policy may have.
    pub(crate) settled_as: Option<String>,
}

/// A version of a record's history.
#[derive(Clone, Debug)]
pub(crate) struct KeptVersion {
    /// The version.
    pub(crate) version: Version,
    /// The commit that superseded it.
    pub(crate) superseded: Option<Checkin>,
}

/// What goes over the wire besides values, about.
const REST: usize = 200;

/// About how many bytes a version takes on the wire.
fn bytes(version: &Version) -> u64 {
    let content = version.content.as_ref();
    (REST + content.map_or(0, |content| content.value.as_str().len())) as u64
}

impl Shown {
    /// About how many bytes it takes on the wire.
    pub(crate) fn bytes(&self) -> u64 {
        bytes(&self.version)
    }
}

impl KeptVersion {
    /// About how many bytes it takes on the wire.
    pub(crate) fn bytes(&self) -> u64 {
        bytes(&self.version)
    }
}

impl KeptConflict {
    /// About how many bytes it takes on the wire.
    pub(crate) fn bytes(&self) -> u64 {
        let sides = [&self.conflict.truth, &self.conflict.device];
        let value = |side: &Option<Canonical>| side.as_ref().map_or(0, |it| it.as_str().len());
        (REST + sides.into_iter().map(value).sum::<usize>()) as u64
    }
}
