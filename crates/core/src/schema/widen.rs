//! The lattice: which type holds the values of two.

use super::DataType;

/// The result of joining two types.
#[derive(Clone, Debug, PartialEq)]
pub enum Widened {
    /// The type that holds both.
    To(DataType),
    /// None does without turning values into text: the value belongs in quarantine.
    Conflict,
}

/// The least type that holds the values of both.
pub fn widen(a: &DataType, b: &DataType) -> Widened {
    if a == b { Widened::To(a.clone()) } else { Widened::Conflict }
}
