//! The least and the largest value of a column chunk.

use super::leaf::Values;

/// Longer texts get no statistics: a footer is read by every query.
const LONGEST: usize = 64;

/// The least and largest value in the plain encoding; `None` where there is none to tell. `firsts` are the rows that
/// hold each distinct value, where they are known.
pub(super) fn limits(values: &Values, firsts: Option<&[u32]>) -> Option<(Vec<u8>, Vec<u8>)> {
    match values {
        Values::None => None,
        Values::Boolean(v) => {
            let (least, largest) = ends(v, firsts, |a, b| !a & b)?;
            Some((vec![least.into()], vec![largest.into()]))
        }
        Values::Int32(v) => {
            let (least, largest) = ends(v, firsts, |a, b| a < b)?;
            Some((least.to_le_bytes().into(), largest.to_le_bytes().into()))
        }
        Values::Int64(v) => {
            let (least, largest) = ends(v, firsts, |a, b| a < b)?;
            Some((least.to_le_bytes().into(), largest.to_le_bytes().into()))
        }
        Values::Double(v) => {
            let (least, largest) = ends(v, firsts, |a, b| a < b)?;
            // Zeros of both signs are equal, so the format wants the outer one in each place.
            let least = if least == 0.0 { -0.0 } else { least };
            let largest = if largest == 0.0 { 0.0 } else { largest };
            Some((least.to_le_bytes().into(), largest.to_le_bytes().into()))
        }
        Values::Fixed(v) => {
            let (least, largest) = ends(v, firsts, |a, b| a < b)?;
            Some((least.to_be_bytes().into(), largest.to_be_bytes().into()))
        }
        Values::Bytes(texts) => {
            let rows: &mut dyn Iterator<Item = usize> = match firsts {
                Some(firsts) => &mut firsts.iter().map(|row| *row as usize),
                None => &mut (0..texts.ends.len()),
            };
            let first = texts.get(rows.next()?);
            let (mut least, mut largest) = (first, first);
            for text in rows.map(|row| texts.get(row)) {
                least = least.min(text);
                largest = largest.max(text);
            }
            (least.len() <= LONGEST && largest.len() <= LONGEST).then(|| (least.into(), largest.into()))
        }
    }
}

#[inline]
fn ends<T: Copy>(values: &[T], firsts: Option<&[u32]>, less: impl Fn(T, T) -> bool) -> Option<(T, T)> {
    let first = *values.first()?;
    let outer = |(least, largest): (T, T), value: T| {
        (if less(value, least) { value } else { least }, if less(largest, value) { value } else { largest })
    };
    Some(match firsts {
        Some(firsts) => firsts.iter().map(|row| values[*row as usize]).fold((first, first), outer),
        None => values.iter().copied().fold((first, first), outer),
    })
}
