//! The lattice: which type holds the values of two.

use super::{DataType, Field};

/// The result of joining two types.
#[derive(Clone, Debug, PartialEq)]
pub enum Widened {
    /// The type that holds both.
    To(DataType),
    /// None does without turning values into text: the value belongs in quarantine.
    Conflict,
}

/// The least type that holds the values of both.
///
/// A 64-bit integer and a double have none: the double would lose digits. Dates and times are texts that are read
/// more closely, so a text beside them makes all of them texts again.
pub fn widen(a: &DataType, b: &DataType) -> Widened {
    join(a, b).map_or(Widened::Conflict, Widened::To)
}

fn join(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    Some(match (a, b) {
        _ if a == b => a.clone(),
        (Unknown, other) | (other, Unknown) => other.clone(),
        (Json, _) | (_, Json) => Json,
        (Int53, Int64) | (Int64, Int53) => Int64,
        (Int53, Double) | (Double, Int53) => Double,
        (Int53 | Int64, Decimal(scale)) | (Decimal(scale), Int53 | Int64) => Decimal(*scale),
        (Date | Timestamp | String, Date | Timestamp | String) => String,
        (Struct(a), Struct(b)) => Struct(join_fields(a, b)?),
        (List(a), List(b)) => List(Box::new(join(a, b)?)),
        _ => return None,
    })
}

fn join_fields(a: &[Field], b: &[Field]) -> Option<Vec<Field>> {
    let mut fields = a.to_vec();
    for field in b {
        match fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) if known.declared => {}
            Some(known) => known.data_type = join(&known.data_type, &field.data_type)?,
            None => fields.push(field.clone()),
        }
    }
    Some(fields)
}
