//! The values of secrets: read at start, put into requests, and hidden again wherever a text is shown.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Secret;

/// The values of all secrets of a pipeline, read once at start by the shell, and the tokens that came to be since. The
/// only holder of them, and the one place that hides them again.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
    /// What was given for the values while the source was asked, the newest first.
    learned: Arc<Mutex<VecDeque<String>>>,
}

/// Learned values that are remembered: a text that is shown holds those of its own poll.
const REMEMBERED: usize = 64;
/// Bytes of a value below which it is a part of ordinary words, and protects nothing.
const SHORTEST: usize = 4;

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Secrets {
    /// From pairs of reference (`TOKEN`, `file:/run/token`) and value.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Secrets {
        Secrets { values: values.into_iter().collect(), learned: Arc::default() }
    }

    /// The text with its references replaced by values. The error names the first reference without a value.
    pub fn reveal(&self, secret: &Secret) -> Result<String, String> {
        let mut out = String::with_capacity(secret.0.len());
        let mut rest = secret.0.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').ok_or_else(|| after.to_owned())?;
            out.push_str(before);
            out.push_str(self.values.get(name).ok_or_else(|| name.to_owned())?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Notes a value that must not be shown either: a token that was given for the secrets, or a form of them.
    pub fn learn(&self, value: &str) {
        let mut learned = self.learned();
        if value.len() >= SHORTEST && !learned.iter().any(|one| one == value) {
            learned.truncate(REMEMBERED - 1);
            learned.push_front(value.to_owned());
        }
    }

    /// The text with every secret value replaced by `***`, plain, percent-encoded and as JSON writes it alike.
    pub fn redact(&self, text: &str) -> String {
        let learned = self.learned();
        let values = self.values.values().filter(|value| !value.is_empty());
        let mut forms: Vec<String> = values.chain(&*learned).flat_map(|value| forms(value)).collect();
        forms.retain(|form| text.contains(form));
        // A value may be a part of another: the longer one goes first, or the rest of it would show.
        forms.sort_by_key(|form| Reverse(form.len()));
        forms.iter().fold(text.to_owned(), |text, form| hidden(text, form))
    }

    fn learned(&self) -> MutexGuard<'_, VecDeque<String>> {
        // Nothing that holds the lock can panic half-way; and if it did, the values would still be good.
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value as it is, as URLs have it and as JSON writes it.
fn forms(value: &str) -> [String; 4] {
    let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let percent =
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
    let json = serde_json::Value::from(value).to_string();
    [value.to_owned(), encoded, percent, json[1..json.len() - 1].to_owned()]
}

/// The text without a value; a short one is hidden where it stands alone, since holes in words would tell it.
fn hidden(text: String, value: &str) -> String {
    if value.len() >= SHORTEST {
        return text.replace(value, "***");
    }
    let apart = |beside: Option<char>| !beside.is_some_and(char::is_alphanumeric);
    let (mut out, mut shown) = (String::with_capacity(text.len()), 0);
    for (at, _) in text.match_indices(value) {
        let end = at + value.len();
        if apart(text[..at].chars().next_back()) && apart(text[end..].chars().next()) {
            out.push_str(&text[shown..at]);
            out.push_str("***");
            shown = end;
        }
    }
    out.push_str(&text[shown..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(&str, &str)]) -> Secrets {
        Secrets::new(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn nothing_is_left_of_a_value_that_another_one_is_a_part_of() {
        assert_eq!(of(&[("A", "abcd"), ("B", "abcd-efgh")]).redact("abcd-efgh abcd"), "*** ***");
        let secrets = of(&[("A", "abcd")]);
        secrets.learn("abcd.signed");
        assert_eq!(secrets.redact("abcd.signed"), "***");
    }

    #[test]
    fn a_short_value_is_hidden_where_it_stands_alone() {
        let shown = of(&[("A", "e")]).redact("GET https://example.org/secret?key=e&e: the key `e` is wrong");
        assert_eq!(shown, "GET https://example.org/secret?key=***&***: the key `***` is wrong");
    }

    #[test]
    fn what_is_learned_is_hidden_in_all_its_forms() {
        let secrets = Secrets::new([("A".to_owned(), "p\"q/r\ns".to_owned())]);
        secrets.learn("token+1");
        secrets.learn("abc");
        let text = "p\"q/r\ns p\\\"q/r\\ns p%22q%2Fr%0As token+1 token%2B1 abc";
        assert_eq!(secrets.redact(text), "*** *** *** *** *** abc");
        (0..2 * REMEMBERED).for_each(|n| secrets.learn(&format!("token-{n}-")));
        assert_eq!(secrets.clone().redact("token-127-, token-64-, token-63-"), "***, ***, token-63-");
    }
}
