//! A value as it may stand in a text: as it is, in a query or a form, within JSON or XML, each character by itself in any
//! of these ways, as servers mix them (`ab\/cdef`, `\u00df`, `%2f`, `&amp;`).

/// How many bytes at the start of `rest` mean `value`, if they do.
pub(super) fn matched(rest: &[u8], value: &str) -> Option<usize> {
    let first = *rest.first()?;
    if !value.as_bytes().starts_with(&[first]) && !b"%\\+&".contains(&first) {
        return None;
    }
    let mut ends = vec![0];
    for wanted in value.chars() {
        let mut further: Vec<usize> =
            ends.iter().flat_map(|end| spelt(&rest[*end..], wanted).map(move |len| end + len)).collect();
        further.sort_unstable();
        further.dedup();
        ends = further;
        if ends.is_empty() {
            return None;
        }
    }
    ends.last().copied()
}

/// Whether a value stands anywhere in a text.
pub(super) fn holds(text: &[u8], value: &str) -> bool {
    !value.is_empty() && (0..text.len()).any(|at| matched(&text[at..], value).is_some())
}

/// The lengths of all ways in which a text can begin with a character.
fn spelt(rest: &[u8], wanted: char) -> impl Iterator<Item = usize> {
    let space = (wanted == ' ' && rest.starts_with(b"+")).then_some(1);
    [plain(rest, wanted), percent(rest, wanted), space, json(rest, wanted), xml(rest, wanted)]
        .into_iter()
        .flatten()
}

fn plain(rest: &[u8], wanted: char) -> Option<usize> {
    let mut bytes = [0; 4];
    let wanted = wanted.encode_utf8(&mut bytes).as_bytes();
    rest.starts_with(wanted).then_some(wanted.len())
}

fn percent(rest: &[u8], wanted: char) -> Option<usize> {
    let mut bytes = [0; 4];
    let mut at = 0;
    for wanted in wanted.encode_utf8(&mut bytes).bytes() {
        match rest.get(at..)? {
            [b'%', digits @ ..] if hex(digits.get(..2)?) == Some(u32::from(wanted)) => at += 3,
            _ => return None,
        }
    }
    Some(at)
}

fn json(rest: &[u8], wanted: char) -> Option<usize> {
    let rest = rest.strip_prefix(b"\\")?;
    let short = match wanted {
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        '"' | '/' | '\\' | '\'' => u8::try_from(wanted).ok()?,
        _ => 0,
    };
    if short != 0 && rest.first() == Some(&short) {
        return Some(2);
    }
    let mut units = [0; 2];
    let mut at = 0;
    for (number, unit) in wanted.encode_utf16(&mut units).iter().enumerate() {
        let mark: &[u8] = if number == 0 { b"u" } else { b"\\u" };
        let digits = rest.get(at..)?.strip_prefix(mark)?.get(..4)?;
        if hex(digits) != Some(u32::from(*unit)) {
            return None;
        }
        at += mark.len() + 4;
    }
    Some(at + 1)
}

fn xml(rest: &[u8], wanted: char) -> Option<usize> {
    let rest = rest.strip_prefix(b"&")?;
    let name = &rest[..rest.iter().take(8).position(|byte| *byte == b';')?];
    let meant = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
        [b'#', digits @ ..] => char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        _ => return None,
    };
    (meant == wanted).then_some(name.len() + 2)
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` would take a sign.
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_every_spelling_and_mixture() {
        for (text, value) in [
            ("ab/cdef ß!", "ab/cdef ß!"),
            (r"ab\/cdef \u00df!", "ab/cdef ß!"),
            (r"ab\/cdef \u00DF!", "ab/cdef ß!"),
            ("ab%2fcdef+%c3%9F!", "ab/cdef ß!"),
            ("ab/cdef%20%C3%9f%21", "ab/cdef ß!"),
            ("a&amp;b&#39;&#xDF;", "a&b'ß"),
            (r#"\ud83d\ude00\"\\\n"#, "😀\"\\\n"),
            ("100%25", "100%"),
        ] {
            assert_eq!(matched(text.as_bytes(), value), Some(text.len()), "{text}");
            assert!(holds(format!("x{text}y").as_bytes(), value));
        }
        for (text, value) in [("ab", "abc"), ("%4", "A"), ("%+1", "\u{1}"), (r"\u00", "ß"), ("&", "&x")] {
            assert_eq!(matched(text.as_bytes(), value), None, "{text}");
        }
        assert!(!holds(b"abc", ""));
    }
}
