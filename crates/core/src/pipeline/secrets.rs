//! The values of secrets: read at start, put into requests, and hidden again wherever a text is shown.

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
/// What is shorter would tear every text apart, and protects nothing.
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
        values.chain(&*learned).fold(text.to_owned(), |text, value| hidden(text, value))
    }

    fn learned(&self) -> MutexGuard<'_, VecDeque<String>> {
        // Nothing that holds the lock can panic half-way; and if it did, the values would still be good.
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text without a value in any of its forms.
fn hidden(text: String, value: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let percent =
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
    let json = serde_json::Value::from(value).to_string();
    let forms = [value, &encoded, &percent, &json[1..json.len() - 1]];
    forms.iter().fold(text, |text, form| if text.contains(form) { text.replace(form, "***") } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

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
