//! What is kept of rows, by their keys and in their order.
//!
//! Whatever is kept, the tree is one of places: a tree compiled for each kind of value would be
//! as much code again.

use alloc::{collections::BTreeMap, vec::Vec};

/// Values by row key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ByRow<T> {
    places: BTreeMap<Vec<u8>, usize>,
    values: Vec<T>,
}

impl<T> Default for ByRow<T> {
    fn default() -> Self {
        Self {
            places: BTreeMap::new(),
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
        self.values.get(*self.places.get(row)?)
    }

    pub(super) fn get_mut(&mut self, row: &[u8]) -> Option<&mut T> {
        self.values.get_mut(*self.places.get(row)?)
    }

    /// Keeps a value, in the place of the one there was.
    pub(super) fn insert(&mut self, row: Vec<u8>, value: T) {
        let place = *self.places.entry(row).or_insert(self.values.len());
        match self.values.get_mut(place) {
            Some(held) => *held = value,
            None => self.values.push(value),
        }
    }

    /// Keeps all that the other has.
    pub(super) fn extend(&mut self, other: Self) {
        let mut rows = Vec::new();
        rows.resize_with(other.values.len(), Vec::new);
        for (row, place) in other.places {
            rows[place] = row;
        }
        for (row, value) in rows.into_iter().zip(other.values) {
            self.insert(row, value);
        }
    }

    /// The rows, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.places.keys().map(Vec::as_slice)
    }

    /// The rows and what is kept of each, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> {
        let values = &self.values;
        self.places
            .iter()
            .map(|(row, place)| (row.as_slice(), &values[*place]))
    }

    /// What is kept, in the order in which it came.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.values.clear();
    }
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
