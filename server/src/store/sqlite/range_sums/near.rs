//! What a call keeps at hand of the sums: what changed since they were folded, and the rows of the
//! bucket that it asked about last. No statement is run here.

use tidemark_engine::truth::{Changed, Item, Span, Sum};
use tidemark_protocol::Checkin;

/// What the sums of a datastore come to at a moment.
pub(crate) struct RangeSums {
    pub(super) at: Checkin,
    /// What changed between the sums' own moment and this one, in the order of keys; `None`: there
    /// are no sums, and rows are read.
    pub(super) changes: Option<Vec<Changed>>,
    /// The rows of the bucket that was asked about last: ranges come in the order of keys, many
    /// to a bucket.
    pub(super) near: Option<Near>,
}

/// All rows between where one bucket begins and where the next does.
pub(super) struct Near {
    pub(super) span: Span,
    pub(super) items: Vec<Item>,
}

impl Near {
    /// Those of a range, if it lies in there.
    pub(super) fn within(&self, span: &Span) -> Option<&[Item]> {
        let ends_inside = match (&span.to, &self.span.to) {
            (_, None) => true,
            (Some(to), Some(end)) => to <= end,
            (None, Some(_)) => false,
        };
        if span.from < self.span.from || !ends_inside {
            return None;
        }
        let before = |key: &str| self.items.partition_point(|(own, _)| own.as_str() < key);
        let end = span.to.as_deref().map_or(self.items.len(), before);
        self.items.get(before(&span.from)..end)
    }
}

impl RangeSums {
    /// The rows of a range, if they have just been read.
    pub(super) fn near(&self, span: &Span) -> Option<&[Item]> {
        self.near.as_ref()?.within(span)
    }

    /// Brings the sum of whole buckets from their own moment to this one.
    pub(super) fn apply_changes(&self, whole: &Span, sum: &mut Sum) {
        let changes = self.changes.as_deref().unwrap_or_default();
        let start = changes.partition_point(|one| one.key.as_str() < whole.from.as_str());
        let inside = changes[start..].iter();
        let inside = inside.take_while(|one| whole.holds(one.key.as_str()));
        inside.for_each(|one| one.apply(sum));
    }
}
