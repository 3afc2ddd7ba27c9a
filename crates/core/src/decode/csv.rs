//! CSV rows as JSON records (RFC 4180 with a header row). A cell that is spelled as a JSON number, `true` or `false`
//! is written as it is, an empty cell as null, any other as a string: `01234` and `+5` stay text.

use super::DecodeError;
use crate::json::{Number, Reader, write_string};

/// Visits every row as a JSON object, columns in the order of the header.
pub(super) fn each_record<E: From<DecodeError>>(
    text: &str,
    delimiter: u8,
    visit: &mut impl FnMut(&mut Reader<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader =
        ::csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let malformed = |e: ::csv::Error| {
        let at = e.position().map_or(0, |p| offset(p.byte()));
        E::from(DecodeError::Malformed { at, message: format!("this is not CSV: {e}") })
    };
    let keys = keys(reader.headers().map_err(malformed)?);
    let mut row = ::csv::StringRecord::new();
    let mut json = Vec::new();
    let mut start = 0;
    while reader.read_record(&mut row).map_err(malformed)? {
        let place = row.position().cloned().unwrap_or_else(::csv::Position::new);
        start = offset(place.byte());
        if row.len() != keys.len() {
            return Err(E::from(wrong_length(&place, row.len(), keys.len())));
        }
        write_record(&keys, &row, &mut json);
        let object = std::str::from_utf8(&json).map_err(|_| E::from(cut_off(start)))?;
        visit(&mut Reader::new(object))?;
    }
    // The csv crate takes the end of the text for the end of an open quote.
    if ends_in_quotes(&text.as_bytes()[start..], delimiter) { Err(E::from(cut_off(start))) } else { Ok(()) }
}

/// Whether the text of the last record ends within a quoted cell. A quote within a cell that does not begin with one is a
/// sign like others.
fn ends_in_quotes(record: &[u8], delimiter: u8) -> bool {
    if memchr::memchr_iter(b'"', record).count().is_multiple_of(2) {
        return false;
    }
    let (mut begins, mut quoted) = (true, false);
    let mut bytes = record.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted && bytes.peek() == Some(&b'"') => drop(bytes.next()),
            b'"' if quoted => quoted = false,
            b'"' if begins => (begins, quoted) = (false, true),
            _ if quoted => {}
            _ => begins = byte == delimiter || byte == b'\n' || byte == b'\r',
        }
    }
    quoted
}

fn offset(byte: u64) -> usize {
    usize::try_from(byte).unwrap_or(usize::MAX)
}

fn cut_off(at: usize) -> DecodeError {
    DecodeError::Malformed {
        at,
        message: "the text ends in the middle of a quoted cell; it was cut off".to_owned(),
    }
}

fn wrong_length(place: &::csv::Position, found: usize, expected: usize) -> DecodeError {
    let line = place.line();
    let message = format!(
        "line {line}: {found} cells, but the header has {expected}; is a delimiter not quoted, or another one meant (`format`)?"
    );
    DecodeError::Malformed { at: offset(place.byte()), message }
}

/// The JSON keys of the columns, quoted: a name that is empty becomes `column_3`, one that came before `name_2`.
fn keys(header: &::csv::StringRecord) -> Vec<Vec<u8>> {
    let mut taken = std::collections::HashSet::new();
    let name = |(i, name): (usize, &str)| match name.trim() {
        "" => format!("column_{}", i + 1),
        name => name.to_owned(),
    };
    let unique = header.iter().enumerate().map(name).map(|name| {
        let mut unique = name.clone();
        let mut count = 1;
        while !taken.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}_{count}");
        }
        unique
    });
    unique
        .map(|name| {
            let mut key = Vec::new();
            write_string(&name, &mut key);
            key
        })
        .collect()
}

fn write_record(keys: &[Vec<u8>], row: &::csv::StringRecord, json: &mut Vec<u8>) {
    json.clear();
    for (i, (key, cell)) in keys.iter().zip(row).enumerate() {
        json.push(if i == 0 { b'{' } else { b',' });
        json.extend_from_slice(key);
        json.push(b':');
        match cell {
            "" => json.extend_from_slice(b"null"),
            "true" | "false" => json.extend_from_slice(cell.as_bytes()),
            _ if Number::parse(cell).is_some() => json.extend_from_slice(cell.as_bytes()),
            _ => write_string(cell, json),
        }
    }
    json.push(b'}');
}
