//! The `Link` header (RFC 8288): `<https://x.org/items?page=2>; rel="next", <…>; rel=last`.

/// The target of the first link that has this relation.
pub(super) fn target(header: &str, relation: &str) -> Option<String> {
    let is =
        |relations: &str| relations.split_ascii_whitespace().any(|one| one.eq_ignore_ascii_case(relation));
    all(header).find(|(relations, _)| is(relations)).map(|(_, target)| target)
}

/// Relations and target of every link.
pub(super) fn all(header: &str) -> impl Iterator<Item = (String, String)> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let (relations, after) = parameters(after);
        rest = after;
        Some((relations, target.trim().to_owned()))
    })
}

/// Reads the parameters of one link: its first `rel`, and what follows the link.
fn parameters(mut rest: &str) -> (String, &str) {
    let mut found = None;
    while let Some(after) = rest.trim_start().strip_prefix(';') {
        let end = after.find(['=', ';', ',']).unwrap_or(after.len());
        let name = after[..end].trim();
        let (value, after) = match after[end..].strip_prefix('=') {
            Some(after) => value(after.trim_start()),
            None => (String::new(), &after[end..]),
        };
        if name.eq_ignore_ascii_case("rel") && found.is_none() {
            found = Some(value);
        }
        rest = after;
    }
    (found.unwrap_or_default(), rest)
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            plain => value.push(plain),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_link_of_a_relation_is_found_however_it_is_written() {
        for (header, found) in [
            (r#"<https://x.org/a?b=1,2;c>; rel="next""#, Some("https://x.org/a?b=1,2;c")),
            (r#"<a>; rel="prev", <b>; rel="next"; title="a, \"<c>\"; rel=next""#, Some("b")),
            (r#"<a>; title="x; rel=next, <z>"; rel=last,<b>;REL=Next"#, Some("b")),
            (r#"<a>; rel="last next""#, Some("a")),
            (r#"<a>; rel=prev; rel=next"#, None),
            (r#"<a>; crossorigin; rel=next"#, Some("a")),
            (r#"</a>  ;  rel = "next" "#, Some("/a")),
            ("<a>", None),
            ("", None),
            (r#"<a>; rel="nex"#, None),
        ] {
            assert_eq!(target(header, "next").as_deref(), found, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(header in r#"[<>;,="\\ arelnxté]{0,40}"#) {
            let _ = target(&header, "next");
        }
    }
}
