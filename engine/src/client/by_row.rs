//! What is kept of rows, by their keys and in their order.
//!
//! Whatever is kept, one list of places is in order: a tree compiled for each kind of value, or even
//! one for all, would be more code than the rest of this. Rows come in order, but for a few: those
//! behind one that comes late are moved, four bytes each.

use alloc::vec::Vec;
use core::mem::replace;

/// Values by row key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ByRow<T> {
    /// Places, by the row that lies there.
    order: Vec<usize>,
    rows: Vec<Vec<u8>>,
    values: Vec<T>,
}

impl<T> Default for ByRow<T> {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            rows: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<T> ByRow<T> {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn get(&self, row: &[u8]) -> Option<&T> {
        let at = find(&self.order, &self.rows, row).ok()?;
        self.values.get(self.order[at])
    }

    pub(super) fn get_mut(&mut self, row: &[u8]) -> Option<&mut T> {
        let at = find(&self.order, &self.rows, row).ok()?;
        self.values.get_mut(self.order[at])
    }

    /// Keeps a value, in the place of the one there was.
    pub(super) fn insert(&mut self, row: Vec<u8>, value: T) {
        match find(&self.order, &self.rows, &row) {
            Ok(at) => drop(replace(&mut self.values[self.order[at]], value)),
            Err(at) => {
                self.order.insert(at, self.rows.len());
                self.rows.push(row);
                self.values.push(value);
            }
        }
    }

    /// Keeps all that the other has.
    pub(super) fn extend(&mut self, other: Self) {
        for (row, value) in other.rows.into_iter().zip(other.values) {
            self.insert(row, value);
        }
    }

    /// The rows, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.order.iter().map(|place| &self.rows[*place][..])
    }

    /// The rows and what is kept of each, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> {
        let (rows, values) = (&self.rows, &self.values);
        self.order
            .iter()
            .map(|place| (&rows[*place][..], &values[*place]))
    }

    /// What is kept, in the order in which it came.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.rows.clear();
        self.values.clear();
    }
}

/// Where a row is in the order, or else where it belongs. The last one is looked at first.
fn find(order: &[usize], rows: &[Vec<u8>], row: &[u8]) -> Result<usize, usize> {
    if order.last().is_none_or(|last| rows[*last][..] < *row) {
        return Err(order.len());
    }
    order.binary_search_by(|place| rows[*place][..].cmp(row))
}

#[cfg(test)]
mod tests {
    use super::ByRow;
    use alloc::vec::Vec;

    #[test]
    fn the_last_value_of_a_row_stays_and_rows_come_in_order() {
        let mut kept = ByRow::default();
        kept.insert(b"b".to_vec(), 1);
        kept.insert(b"a".to_vec(), 2);
        let mut others = ByRow::default();
        others.insert(b"c".to_vec(), 3);
        others.insert(b"b".to_vec(), 4);
        kept.extend(others);
        let all: Vec<_> = kept.iter().collect();
        assert_eq!(all, [(&b"a"[..], &2), (b"b", &4), (b"c", &3)]);
        assert_eq!(kept.get(b"b"), Some(&4));
        assert_eq!(kept.len(), 3);
    }
}
