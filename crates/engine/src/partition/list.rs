//! A JSON document larger than a chunk, whose records are the items of one list in it: the items in parts, each part in
//! a document of the same form, so that memory holds a part and not the document.
//!
//! ```text
//!  {"at": 1, "data": [a, b, c, d], "next": 2}   with the records $.data[*]
//!  -> {"data":[a,b]}  {"data":[c,d]}  {"at": 1, "data": [], "next": 2}
//! ```
//! What is between the items is read only as far as it must be to find their ends; all of it goes to the decoder, which
//! is the one that judges it. The last part is the document without its items.

/// Names that lead from the document to the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way(Vec<String>);

/// What the beginning of a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// The list's items begin here.
    List(usize),
    /// The names lead to no list.
    Other,
    /// It cannot be told from so little.
    Short,
}

impl Way {
    /// The way of a JSONPath that consists of names and may end in `[*]`; `None` for any other.
    pub(super) fn of(path: &str) -> Option<Way> {
        let rest = path.trim().strip_prefix('$')?;
        let rest = rest.strip_suffix("[*]").unwrap_or(rest);
        let named = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
            (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
        };
        let mut names = rest.split('.');
        (names.next() == Some("")).then(|| names.map(named).collect::<Option<Vec<String>>>().map(Way))?
    }

    /// Where the items begin in a document that begins so.
    pub(super) fn find(&self, text: &[u8]) -> Beginning {
        let mut scan = Scan { text, at: if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 } };
        match self.0.iter().try_for_each(|name| scan.enter(name)).and_then(|()| scan.next()) {
            Ok(b'[') => Beginning::List(scan.at),
            Ok(_) => Beginning::Other,
            Err(beginning) => beginning,
        }
    }

    /// A document that holds these items and nothing else.
    pub(super) fn wrap(&self, items: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(items.len() + 16 * (self.0.len() + 1));
        for name in &self.0 {
            body.push(b'{');
            // A text can always be written.
            body.extend_from_slice(&serde_json::to_vec(name).unwrap_or_default());
            body.push(b':');
        }
        body.push(b'[');
        body.extend_from_slice(items);
        body.push(b']');
        body.resize(body.len() + self.0.len(), b'}');
        body
    }
}

/// Reads a beginning. An error is what it turns out to be.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// The next byte that is no space, passed over.
    fn next(&mut self) -> Result<u8, Beginning> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += space + 1;
        rest.get(space).copied().ok_or(Beginning::Short)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Beginning> {
        if self.next()? == wanted { Ok(()) } else { Err(Beginning::Other) }
    }

    /// Goes into the object that comes next, up to the value of this name.
    fn enter(&mut self, name: &str) -> Result<(), Beginning> {
        self.expect(b'{')?;
        loop {
            self.expect(b'"')?;
            let start = self.at;
            self.string()?;
            let found = &self.text[start..self.at - 1] == name.as_bytes();
            self.expect(b':')?;
            if found {
                return Ok(());
            }
            let mut items = Items::default();
            let end = items.end(self.text, self.at).ok_or(Beginning::Short)?;
            self.at = end + 1;
            if self.text[end] != b',' {
                return Err(Beginning::Other);
            }
        }
    }

    /// Passes over the rest of a string.
    fn string(&mut self) -> Result<(), Beginning> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let end = memchr::memchr2(b'"', b'\\', rest).ok_or(Beginning::Short)?;
            self.at += end + if rest[end] == b'"' { 1 } else { 2 };
            if rest[end] == b'"' {
                return Ok(());
            }
        }
    }
}

/// Walks over the items of a list, or the values of an object, piece by piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    depth: u32,
    quoted: bool,
    /// Whether the byte that comes next belongs to an escape.
    escaped: bool,
}

impl Items {
    /// The place of the comma or the closing bracket that ends the value at `from`; `None` where the text ends before.
    fn end(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while at < text.len() {
            if self.quoted {
                at = self.skip_quoted(text, at);
                continue;
            }
            match text[at] {
                b'"' => self.quoted = true,
                b'[' | b'{' => self.depth += 1,
                b',' if self.depth == 0 => return Some(at),
                b']' | b'}' if self.depth == 0 => return Some(at),
                b']' | b'}' => self.depth -= 1,
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// Just after the end of the string, or of the text.
    fn skip_quoted(&mut self, text: &[u8], at: usize) -> usize {
        if std::mem::take(&mut self.escaped) {
            return at + 1;
        }
        match memchr::memchr2(b'"', b'\\', &text[at..]) {
            Some(found) => {
                self.escaped = text[at + found] == b'\\';
                self.quoted = self.escaped;
                at + found + 1
            }
            None => text.len(),
        }
    }

    /// Walks over a further piece of the list: the place of its last comma between items, if there is one, and that of
    /// its closing bracket, if it ends there.
    pub(super) fn walk(&mut self, text: &[u8], from: usize) -> (Option<usize>, Option<usize>) {
        let (mut comma, mut at) = (None, from);
        while let Some(end) = self.end(text, at) {
            if text[end] != b',' {
                return (comma, Some(end));
            }
            (comma, at) = (Some(end), end + 1);
        }
        (comma, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(path: &str) -> Way {
        Way::of(path).expect("a plain path")
    }

    #[test]
    fn names_and_a_last_wildcard_are_a_way() {
        assert_eq!(way("$[*]"), Way(vec![]));
        assert_eq!(way("$.data.items[*]"), Way(vec!["data".into(), "items".into()]));
        assert_eq!(way("$.data"), Way(vec!["data".into()]));
        for other in ["$.a[*].b", "$.a[0]", "$['a b'][*]", "$.a.*", "$..a", "a"] {
            assert_eq!(Way::of(other), None, "{other}");
        }
    }

    #[test]
    fn the_list_is_found_behind_other_fields() {
        let text = br#" {"a": {"data": [1]}, "b\"": "x]", "data" : [ 1, 2]}"#;
        let Beginning::List(at) = way("$.data[*]").find(text) else { panic!("a list") };
        assert_eq!(&text[at..], b" 1, 2]}");
        for cut in 0..at {
            assert_eq!(way("$.data[*]").find(&text[..cut]), Beginning::Short, "{cut}");
        }
        assert_eq!(way("$.b[*]").find(br#"{"b": {"c": 1}}"#), Beginning::Other);
        assert_eq!(way("$.b[*]").find(br#"{"c": 1}"#), Beginning::Other);
        assert_eq!(way("$[*]").find(b"\xef\xbb\xbf [1]"), Beginning::List(5));
    }

    #[test]
    fn items_are_told_apart_wherever_the_text_is_cut() {
        let text = br#"{"a":"],\"\\"},[1,[2]],"x,y",3]"#;
        for cut in 0..text.len() {
            let mut items = Items::default();
            let (comma, end) = items.walk(&text[..cut], 0);
            assert_eq!(end, None);
            let (later, end) = items.walk(text, cut);
            assert_eq!((later.or(comma), end), (Some(text.len() - 3), Some(text.len() - 1)), "{cut}");
        }
        assert_eq!(way("$.a.b[*]").wrap(b"1,2"), br#"{"a":{"b":[1,2]}}"#);
    }
}
