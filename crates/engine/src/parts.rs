//! A large page of lines comes in parts, so that a load holds some of its bytes at a time, in memory that serves again.

use std::mem::take;
use std::ops::Range;

use bytes::Bytes;
use tidegate_core::batch::Page;

/// Bytes of a part.
pub(crate) const PART: u64 = 8 << 20;

/// The parts in which a page is read: itself, unless it is large and has lines.
pub(crate) fn parts(page: &Page) -> impl Iterator<Item = Range<u64>> + use<> {
    let (bytes, part) = (page.bytes, if page.has_lines() { PART } else { page.bytes });
    let count = bytes.div_ceil(part.max(1)).max(1);
    (0..count).map(move |n| n * part..bytes.min((n + 1) * part))
}

/// Joins what was cut, so that each line is whole.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line that goes on in the next part.
    rest: Vec<u8>,
    /// Whether the page is UTF-16, whose lines do not end where they seem to.
    wide: bool,
}

impl Lines {
    /// Takes the next part of a page. Gives out the lines that end in it, the one that began before apart.
    pub(crate) fn take(&mut self, page: &Page, part: &Range<u64>, mut body: Bytes) -> [Option<Bytes>; 2] {
        if part.start == 0 {
            self.wide = matches!(body.get(..2), Some([0xFE, 0xFF] | [0xFF, 0xFE]));
            self.rest.clear();
        }
        let is_last = part.end == page.bytes;
        if is_last && self.rest.is_empty() {
            return [None, Some(body)];
        }
        let end = match memchr::memrchr(b'\n', &body) {
            _ if is_last => body.len(),
            Some(at) if !self.wide => at + 1,
            _ => 0,
        };
        let begun = body.split_off(end);
        let joined = self.join(&mut body);
        self.rest.extend_from_slice(&begun);
        [joined, Some(body).filter(|lines| !lines.is_empty())]
    }

    /// Takes the end of the line that began before out of the lines.
    fn join(&mut self, lines: &mut Bytes) -> Option<Bytes> {
        if self.rest.is_empty() || lines.is_empty() {
            return None;
        }
        let first = memchr::memchr(b'\n', lines).filter(|_| !self.wide).map_or(lines.len(), |at| at + 1);
        self.rest.extend_from_slice(&lines.split_to(first));
        Some(take(&mut self.rest).into())
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::pipeline::Format;

    use super::*;

    fn page(format: Format, bytes: u64) -> Page {
        let page = format!(
            r#"{{"key":"k","number":0,"request":"GET /","status":200,"fetched_at":"2026-11-23T03:00:00Z",
                "bytes":{bytes},"sha256":"","format":"ndjson","records":0}}"#
        );
        Page { format, ..serde_json::from_str(&page).expect("a page") }
    }

    /// What the loader gets of a page that is read in parts of so many bytes.
    fn given(text: &[u8], part: usize) -> Vec<Bytes> {
        let page = page(Format::Ndjson, text.len() as u64);
        let (mut lines, mut given) = (Lines::default(), Vec::new());
        let mut from = 0;
        for body in text.chunks(part) {
            let range = from..from + body.len() as u64;
            from = range.end;
            given.extend(lines.take(&page, &range, Bytes::copy_from_slice(body)).into_iter().flatten());
        }
        given
    }

    #[test]
    fn parts_are_the_page_and_only_lines_are_cut() {
        let parts = |format, bytes| parts(&page(format, bytes)).collect::<Vec<_>>();
        assert_eq!(parts(Format::Ndjson, PART), vec![0..PART]);
        assert_eq!(parts(Format::Ndjson, 2 * PART + 1), [0..PART, PART..2 * PART, 2 * PART..2 * PART + 1]);
        for whole in [Format::Json, Format::Csv, Format::Gzip, Format::Xml] {
            assert_eq!(parts(whole, 3 * PART), vec![0..3 * PART]);
        }
        assert_eq!(parts(Format::Ndjson, 0), vec![0..0]);
    }

    #[test]
    fn each_line_is_given_once_and_whole_wherever_the_page_is_cut() {
        for text in ["{\"a\":1}\n{\"b\":\"long enough\"}\r\n\n{}\n", "[1,2]\n{\"no\":\"end\"}", "\n\n", "x"] {
            for part in 1..=text.len() {
                let given = given(text.as_bytes(), part);
                assert_eq!(given.concat(), text.as_bytes(), "by {part}");
                let (last, others) = given.split_last().expect("something");
                assert!(others.iter().all(|lines| lines.ends_with(b"\n")), "by {part}: {given:?}");
                assert!(!last.is_empty(), "by {part}: {given:?}");
            }
        }
    }

    #[test]
    fn utf_16_comes_as_a_whole() {
        let text: Vec<u8> = "\u{feff}{}\n\u{a0a}\n{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for part in 2..=text.len() {
            assert_eq!(given(&text, part), [Bytes::from(text.clone())], "by {part}");
        }
    }
}
