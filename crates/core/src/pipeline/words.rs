//! "Did you mean …?"

/// Help for a word that is none of the known ones.
pub(crate) fn instead(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`? known here: {list}"),
        None if known.is_empty() => "nothing is known here".to_owned(),
        None => format!("known here: {list}"),
    }
}

/// The known word that was probably meant.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let distance = |other: &str| strsim::damerau_levenshtein(&plain(word), &plain(other));
    let near = known.iter().copied().min_by_key(|other| distance(other))?;
    (distance(near) <= word.chars().count().div_ceil(3).min(3)).then_some(near)
}
