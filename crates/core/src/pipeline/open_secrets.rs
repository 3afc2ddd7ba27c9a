//! Secrets that stand in a pipeline file as they are, where no check of the file forbids it.

use serde_json::Value;

use super::{Pipeline, Secret, Template, tells_a_secret};
use crate::expr::{Dialect, Expr};

impl Pipeline {
    /// Paths of the values that are secrets by their names and stand there as they are (`streams.things.params.api_key`).
    /// Headers, `auth` and addresses are no part of it: there the file is refused when it is read.
    pub fn secrets_in_the_open(&self) -> Vec<String> {
        let mut found = Vec::new();
        let file = serde_json::to_value(self).unwrap_or_default();
        let dialect = self.source.expressions;
        named("source.config", &file["source"]["config"], dialect, &mut found);
        for (stream, table) in self.streams.iter().zip(file["streams"].as_array().into_iter().flatten()) {
            for key in ["params", "body", "form", "job", "for_each", "fields"] {
                named(&format!("streams.{}.{key}", stream.name), &table[key], dialect, &mut found);
            }
        }
        found
    }
}

/// Notes the texts whose names tell of a secret and that say it.
fn named(path: &str, value: &Value, dialect: Dialect, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, item)| named(&format!("{path}[{at}]"), item, dialect, found));
        }
        Value::Object(table) => {
            for (name, value) in table {
                let path = format!("{path}.{name}");
                match value {
                    Value::String(text) if tells_a_secret(name) && is_plain(text, dialect) => {
                        found.push(path)
                    }
                    value => named(&path, value, dialect, found),
                }
            }
        }
        _ => {}
    }
}

/// Whether a text is its own value: nothing is put into it.
fn is_plain(text: &str, dialect: Dialect) -> bool {
    let refers = |template: Template| template.references().next().is_some();
    !text.is_empty()
        && Secret(text.to_owned()).references().is_empty()
        && !Expr::is_in(text)
        && !Template::parse(text, dialect).is_ok_and(refers)
}

#[cfg(test)]
mod tests {
    use crate::pipeline::read;

    #[test]
    fn secrets_in_the_open_are_named_by_their_paths() {
        let file = |source: &str, stream: &str| {
            let text = format!(
                "name = \"a\"\nstaging = \"memory://\"\nlake = \"memory://\"\n[source]\n{source}\n[[streams]]\n\
                 name = \"b\"\npath = \"/b\"\nmethod = \"POST\"\n{stream}\n"
            );
            read(&text, &[]).expect("a right file").secrets_in_the_open()
        };
        let source = "base_url = \"https://h.example\"\nconfig = { api_key = \"abc\", site = \"eu\" }";
        let stream = "params = { api_key = \"abc\", q = \"x\" }\nbody = { a = [{ password = \"abc\", max_tokens = 5 }] }";
        assert_eq!(
            file(source, stream),
            ["source.config.api_key", "streams.b.params.api_key", "streams.b.body.a[0].password"]
        );
        let source = "base_url = \"https://h.example/@x\"\nconfig = { api_key = \"${KEY}\" }";
        let stream = "params = { api_key = \"{{ config.api_key }}\", page_token = \"\" }\n\
                      body = { token = \"{one.token}\" }\nfor_each = { one = [{ name = \"n\", token_type = 1, token = \"\" }] }";
        assert_eq!(file(source, stream), [""; 0]);
        let stream = "[streams.job]\npoll = { path = \"/jobs\", params = { api_key = \"abc\" } }";
        assert_eq!(file(source, stream), ["streams.b.job.poll.params.api_key"]);
    }
}
