//! Bytes of rows: numbers, texts and bytes written one after the other, and read back.
//!
//! What is written here lies on disks for good; `record` and `root` say in which order.
//! Reading never panics: other bytes are an error.

use alloc::vec::Vec;

/// Bytes that no version of this code wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the local database holds bytes that this version cannot read")]
pub(crate) struct Unreadable;

/// Appends the varint form of a number: seven bits a byte, the lowest first.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let byte = number.to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            out.push(byte & 0x7F);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// Appends a length and so many bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a length and a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Reads what the functions above wrote, from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Unreadable> {
        let (byte, rest) = self.rest.split_first().ok_or(Unreadable)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Unreadable)
    }

    pub(super) fn length(&mut self) -> Result<usize, Unreadable> {
        usize::try_from(self.number()?).map_err(|_| Unreadable)
    }

    pub(super) fn exactly(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.exactly(N)?.try_into().map_err(|_| Unreadable)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Unreadable> {
        let count = self.length()?;
        self.exactly(count)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Unreadable> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Unreadable)
    }

    /// What is not read yet, for a reader of another kind to take from.
    pub(super) const fn rest_mut(&mut self) -> &mut &'a [u8] {
        &mut self.rest
    }

    pub(super) fn rest_text(self) -> Result<&'a str, Unreadable> {
        core::str::from_utf8(self.rest).map_err(|_| Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        for number in numbers {
            put_number(&mut bytes, number);
        }
        put_text(&mut bytes, "né");
        let mut reader = Reader::new(&bytes);
        for number in numbers {
            assert_eq!(reader.number(), Ok(number));
        }
        assert_eq!(reader.text(), Ok("né"));
        assert!(reader.is_empty());
        assert_eq!(reader.byte(), Err(Unreadable));
    }

    #[test]
    fn broken_bytes_are_an_error() {
        assert_eq!(Reader::new(&[0xFF; 11]).number(), Err(Unreadable));
        assert_eq!(Reader::new(&[5, b'a']).text(), Err(Unreadable));
        assert_eq!(Reader::new(&[1, 0xFF]).text(), Err(Unreadable));
    }
}
