//! Columns of CSV and its kin whose header says that they hold credentials.

use std::ops::Range;

use super::{Named, tells};

/// What may stand between two cells.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// The cells of such columns. The header is the first line that is not empty.
pub(super) fn all(text: &[u8]) -> Vec<Named> {
    let start = text.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3);
    let start = super::skipped(text, start);
    if text.get(start).is_none_or(|first| b"{[<".contains(first)) {
        return Vec::new();
    }
    let headers = DELIMITERS.map(|delimiter| (delimiter, line(text, start, delimiter)));
    let telling = |cells: &[Range<usize>]| -> Vec<usize> {
        (0..cells.len()).filter(|at| tells(&text[cells[*at].clone()])).collect()
    };
    let found =
        headers.into_iter().map(|(delimiter, (cells, next))| (delimiter, telling(&cells), cells.len(), next));
    let header = found.filter(|(_, columns, ..)| !columns.is_empty()).max_by_key(|(_, _, cells, _)| *cells);
    let Some((delimiter, columns, _, mut next)) = header else { return Vec::new() };
    let mut found = Vec::new();
    while next < text.len() {
        let (cells, end) = line(text, next, delimiter);
        let cells = columns.iter().filter_map(|column| cells.get(*column).cloned());
        found.extend(cells.map(|at| Named { value: meant(&text[at.clone()]), at, bare: false }));
        next = end;
    }
    found
}

/// The cells of the line that begins at `start`, without their quotes, and where the next line begins.
fn line(text: &[u8], start: usize, delimiter: u8) -> (Vec<Range<usize>>, usize) {
    let ends = |byte: &u8| *byte == delimiter || b"\r\n".contains(byte);
    let mut cells = Vec::new();
    let mut at = start;
    loop {
        let quoted = text.get(at) == Some(&b'"');
        let cell = match quoted {
            true => at + 1..end_of_cell(text, at + 1),
            false => at..at,
        };
        let rest = text.get(cell.end..).unwrap_or_default();
        let end = cell.end + rest.iter().take_while(|byte| !ends(byte)).count();
        cells.push(if quoted { cell } else { at..end });
        match text.get(end) {
            Some(byte) if *byte == delimiter => at = end + 1,
            _ => {
                let rest = text.get(end..).unwrap_or_default();
                return (cells, end + rest.iter().take_while(|byte| b"\r\n".contains(byte)).count());
            }
        }
    }
}

/// The place of the quote that ends a cell; two quotes are one of its characters.
fn end_of_cell(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return at,
            _ => at += 1,
        }
    }
    text.len()
}

fn meant(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).replace("\"\"", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        all(text.as_bytes()).into_iter().map(|one| one.value).collect()
    }

    #[test]
    fn cells_of_telling_columns_are_found_whatever_stands_between_them() {
        assert_eq!(
            values("id,API key,note\n1,k1,a\r\n2,\"k \"\"2,\n\",b\n\n3\n4,k4"),
            ["k1", "k \"2,\n", "k4"]
        );
        assert_eq!(values("\u{feff}id\tpassword\n1\tp,1\n2\t\n"), ["p,1", ""]);
        assert_eq!(values("\"id\";\"secret\"\n1;s;t\n"), ["s"]);
        assert_eq!(values("password\none\ntwo\n"), ["one", "two"]);
        for none in ["", "id,n\npassword,1\n", "{\"a\":1},secret\nx,y", "a,\"secret", "password"] {
            assert_eq!(values(none), [""; 0], "{none}");
        }
    }
}
