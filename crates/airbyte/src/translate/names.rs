//! Names of the manifest, as the pipeline file can hold them.

/// Native names of streams, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    /// A native name for a stream: its own in lower case, numbered where another has it already.
    pub(crate) fn take(&mut self, name: &str) -> String {
        let tame = tame(name);
        let taken = |wanted: &str| self.0.iter().any(|(_, native)| native == wanted);
        let mut native = tame.clone();
        let mut number = 1;
        while taken(&native) {
            number += 1;
            native = format!("{tame}_{number}");
        }
        self.0.push((name.to_owned(), native.clone()));
        native
    }

    /// Gives a native name back that was taken for nothing.
    pub(crate) fn give_back(&mut self, native: &str) {
        self.0.retain(|(_, known)| known != native);
    }

    /// Whether a stream of the manifest was given a name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own == name)
    }

    /// Names of the manifest with native ones.
    pub(crate) fn pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

/// A text as a native name: lower-case letters, digits and `_`.
pub(crate) fn tame(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        before = c;
    }
    let plain = out.trim_matches('_').to_owned();
    match plain.as_str() {
        "" => "stream".to_owned(),
        "quarantine" => "quarantine_records".to_owned(),
        _ => plain,
    }
}

/// Names that native values have.
const TAKEN: [&str; 8] =
    ["parent", "incremental", "config", "parent_slice", "record", "response", "headers", "now"];

/// The native name of a list's field of the partition: one that no native value has.
pub(crate) fn value_name(field: &str) -> String {
    let tame = tame(field);
    if TAKEN.contains(&tame.as_str()) || tame.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("_{tame}");
    }
    tame
}

/// The native name of a parent's field of the partition: its own where an expression can name it.
pub(crate) fn partition_name(field: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = field.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match begins && field.chars().all(word) && !TAKEN.contains(&field) {
        true => field.to_owned(),
        false => value_name(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tame_and_differ() {
        let mut names = Names::default();
        assert_eq!(names.take("Order Items"), "order_items");
        assert_eq!(names.take("orderItems"), "order_items_2");
        assert_eq!(
            (tame("HTTPStatus"), tame("--"), tame("Ümlaut")),
            ("httpstatus".into(), "stream".into(), "mlaut".into())
        );
        assert_eq!(value_name("parent"), "_parent");
        assert_eq!(
            ["accountId", "account id", "2nd", "config"].map(partition_name),
            ["accountId", "account_id", "_2nd", "_config"]
        );
    }
}
