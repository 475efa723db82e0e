//! What a query asks of a field. Everything is compared as encoded ([`super::order`]), so that
//! a filter and an index can never disagree.

use alloc::vec::Vec;

use super::{
    field::{Field, Row},
    order,
};

/// One demand on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Which field.
    pub field: Field,
    /// What is asked of it.
    pub test: Test,
}

/// What is asked; operands are encoded values. `Greater`, `Less` and their like compare values
/// of one class only: a string is neither more nor less than a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The same value.
    Equal(Vec<u8>),
    /// Another value, or none.
    NotEqual(Vec<u8>),
    /// After the operand.
    Greater(Vec<u8>),
    /// The operand, or after it.
    GreaterOrEqual(Vec<u8>),
    /// Before the operand.
    Less(Vec<u8>),
    /// The operand, or before it.
    LessOrEqual(Vec<u8>),
    /// One of these, each once, in order.
    In(Vec<Vec<u8>>),
    /// A string that begins so: its encoding without the end.
    StartsWith(Vec<u8>),
    /// Whether there is such a field at all.
    Exists(bool),
}

impl Filter {
    /// Whether a row meets the demand.
    pub fn matches(&self, row: &impl Row) -> bool {
        self.test.holds(&self.field.encoded(row))
    }
}

impl Test {
    /// Whether an encoded value meets the demand.
    pub fn holds(&self, value: &[u8]) -> bool {
        let alike = |operand: &[u8]| order::class(value) == order::class(operand);
        match self {
            Self::Equal(operand) => value == &operand[..],
            Self::NotEqual(operand) => value != &operand[..],
            Self::Greater(operand) => alike(operand) && value > &operand[..],
            Self::GreaterOrEqual(operand) => alike(operand) && value >= &operand[..],
            Self::Less(operand) => alike(operand) && value < &operand[..],
            Self::LessOrEqual(operand) => alike(operand) && value <= &operand[..],
            Self::In(operands) => operands.iter().any(|operand| value == &operand[..]),
            Self::StartsWith(beginning) => value.starts_with(beginning),
            Self::Exists(wanted) => (order::class(value) != order::MISSING) == *wanted,
        }
    }
}
