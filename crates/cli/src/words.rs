//! Numbers and times as people read them.

use tidegate_core::jiff::Timestamp;

/// `1.4 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or("B");
    for larger in units {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// `1 row`, `2 rows`, `2 batches`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = match number {
        1 => "",
        _ if noun.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{number} {noun}{plural}")
}

/// `2026-11-23 09:15:00Z`.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The time, or a dash.
pub(crate) fn time_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), time)
}

/// A name as a pipeline file has them: lower-case letters, digits and `_`.
pub(crate) fn name(text: &str) -> String {
    let lower = text.to_lowercase();
    let name = lower.replace(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit(), "_");
    let name = name.trim_matches('_').to_owned();
    if name.is_empty() { "api".to_owned() } else { name }
}

/// Text cut to a width, its control characters shown.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let tame: String = text.chars().map(|c| if c.is_control() { '␣' } else { c }).collect();
    match tame.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", &tame[..end]),
        None => tame,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_are_short() {
        assert_eq!(
            (bytes(0).as_str(), bytes(999).as_str(), bytes(12_345).as_str(), bytes(1_400_000).as_str()),
            ("0 B", "999 B", "12.3 kB", "1.4 MB")
        );
        assert_eq!((count(1, "row").as_str(), count(0, "row").as_str()), ("1 row", "0 rows"));
        assert_eq!((count(1, "batch").as_str(), count(2, "batch").as_str()), ("1 batch", "2 batches"));
        assert_eq!((cut("東京です", 2).as_str(), cut("a\nb", 9).as_str()), ("東京…", "a␣b"));
    }
}
