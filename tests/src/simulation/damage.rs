//! Damage by hand to the pages on a device's disk: bytes changed, cut off, gone, or another page's.

use tidemark_engine::store::MemoryPages;

use super::random::Random;

/// Damages one page, whichever it is; false: there is none.
pub(super) fn damage(pages: &MemoryPages, random: &Random) -> bool {
    let mut ids = pages.page_ids();
    if ids.is_empty() {
        return false;
    }
    // In an order that a seed repeats.
    ids.sort_unstable();
    let (id, other) = (ids[random.below(ids.len())], ids[random.below(ids.len())]);
    let mut others = Vec::new();
    pages.damage(&other, |bytes| {
        others.extend_from_slice(bytes);
        Some(bytes.to_vec())
    });
    pages.damage(&id, |bytes| {
        let place = random.below(bytes.len());
        match random.below(4) {
            0 => {
                let mut bytes = bytes.to_vec();
                bytes[place] ^= 1 << random.below(8);
                Some(bytes)
            }
            1 => Some(bytes[..place].to_vec()),
            2 => Some(others),
            _ => None,
        }
    });
    true
}
