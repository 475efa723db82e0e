//! One stable sort for all of the engine's lists: merging from the bottom up.
//!
//! The standard library's sort is some 7 kB of code for each type that it sorts, and the
//! browser loads all of it. This one sorts places, whatever lies in them, and sees at once
//! that a list is in order already, as most are.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// The places `0..count` in the order of what lies in them.
pub fn order_of(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut merged = Vec::with_capacity(count);
    let mut width = 1;
    while width < count {
        merged.clear();
        for from in (0..count).step_by(2 * width) {
            let middle = (from + width).min(count);
            let to = (middle + width).min(count);
            merge(&order, [from, middle, to], compare, &mut merged);
        }
        core::mem::swap(&mut order, &mut merged);
        width *= 2;
    }
    order
}

/// Merges the two ordered runs `from..middle` and `middle..to`.
fn merge(
    order: &[usize],
    [from, middle, to]: [usize; 3],
    compare: &dyn Fn(usize, usize) -> Ordering,
    merged: &mut Vec<usize>,
) {
    let (mut left, mut right) = (from, middle);
    while left < middle && right < to {
        // Runs that follow each other are taken whole.
        if left == from && compare(order[middle - 1], order[middle]).is_le() {
            break;
        }
        let side = if compare(order[right], order[left]).is_lt() {
            &mut right
        } else {
            &mut left
        };
        merged.push(order[*side]);
        *side += 1;
    }
    merged.extend_from_slice(&order[left..middle]);
    merged.extend_from_slice(&order[right..to]);
}

/// Sorts a list, equal items staying in their order.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let order = order_of(items.len(), &|one, other| {
        compare(&items[one], &items[other])
    });
    arrange(order, &mut |one, other| items.swap(one, other));
}

/// Brings what lies in places into this order, circle by circle.
fn arrange(mut order: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut place = start;
        while order[place] != start {
            let from = core::mem::replace(&mut order[place], place);
            swap(place, from);
            place = from;
        }
        order[place] = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_stable_sort(items in proptest::collection::vec((0..9_u8, any::<u8>()), 0..60)) {
            let (mut ours, mut theirs) = (items.clone(), items);
            sort_by(&mut ours, |one, other| one.0.cmp(&other.0));
            theirs.sort_by_key(|item| item.0);
            prop_assert_eq!(ours, theirs);
        }
    }
}
