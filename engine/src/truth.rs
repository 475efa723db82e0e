//! The server's side as pure decisions: what a push makes of the truth, what a pull shows of
//! it, and whether a device and the truth agree.
//!
//! The server loads what a call touches, asks here, and writes the answer in one transaction.
//! Nothing in here does I/O, reads a clock, or knows SQL or HTTP; it never imports `client`.
//!
//! A push, in the order of the calls:
//! 1. [`Push::add`] for each raw record, in (seq, position) order: judged, or rejected alone.
//! 2. [`Push::local_ids`] and [`Push::derived_keys`] say which [`LocalKey`] rows to load.
//! 3. [`Push::resolve`] gives one [`Claim`] per record, in any order, plus the rejections.
//! 4. [`Mingle::new`] on the truth's [`Head`]; then, for the claims in slices of any size:
//!    load a [`View`] (what [`Claim::key`] and [`Claim::from`] ask for), [`Mingle::decide`],
//!    write the [`Writes`].
//!    (Where a person settles a conflict: [`Mingle::settle`] instead.)
//! 5. [`Mingle::close`] gives the [`Closed`] push, or the airbag refuses: roll all back.

mod airbag;
mod claim;
mod compaction;
mod conflict;
mod device;
mod expected;
mod finish;
mod flow;
mod judge;
mod mingle;
mod open;
mod policies;
mod push;
mod reconcile;
mod record;
mod replacing;
mod settle;
mod view;
mod window;

pub use airbag::{Airbag, Held, Weighs};
pub use claim::{Base, Claim};
pub use compaction::{Bounds, Holder, Reader, Retention, Superseded};
pub use conflict::{Conflict, Side};
pub use device::{Fixed, undone_by};
pub use expected::{Compared, Exception, Pulled, acknowledge, expected};
pub use finish::{FinishView, is_in_sync, last_sync_after};
pub use flow::{Flow, Override};
pub use judge::{Change, Judged, Name, is_object, judge};
pub use mingle::{Answer, Closed, Commit, Counts, Head, Mingle, NewVersion, Pusher, Rules, Writes};
pub use open::{OpenView, Opened, check, open};
pub use policies::Policies;
pub use push::{LocalKey, Push, Resolved};
pub use reconcile::{
    Before, Bucket, Changed, Comparing, Cutter, Deviations, Difference, Evidence, Expected,
    Holding, Item, Span, Step, Sum, Told, Verdict, differences, fold, narrowed, read_ranges,
};
pub use replacing::{Mark, Named, rejected_ids};
pub use settle::{Choice, SETTLER};
pub use view::View;
pub use window::{Cursor, Place, Start, leaves_out_tombstones, show, show_gone};

#[cfg(test)]
mod tests;
