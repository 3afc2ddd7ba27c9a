//! The commented pipeline file that `init` writes.

use std::collections::BTreeMap;

use tidegate_core::pipeline::{Format, JsonLink, Paginator, tells_a_secret};
use url::Url;

use super::guess::Guess;
use crate::words::name;

/// The file's text.
pub(super) fn file(url: &Url, format: Format, guess: &Guess, columns: &[(String, String)]) -> String {
    let (secrets, params) = params(url);
    let mut text = head(url);
    text.push_str(&format!("\n[source]\nbase_url = {}\n", quoted(&base(url))));
    if let Some(name) = secrets.first() {
        let variable = variable(name);
        text.push_str(&format!(
            "# The key never stands in this file: export {variable}=… before `tidegate run`.\n\
             auth = {{ type = \"api_key\", location = \"query\", name = {}, api_key = \"${{{variable}}}\" }}\n",
            quoted(name)
        ));
    }
    let others = secrets.get(1..).unwrap_or_default();
    if !others.is_empty() {
        let each = |name: &String| format!("{} = \"${{{}}}\"", toml_key(name), variable(name));
        let each: Vec<String> = others.iter().map(each).collect();
        text.push_str(&format!("# Export these as well.\nconfig = {{ {} }}\n", each.join(", ")));
    }
    text.push_str(&format!(
        "\n[[streams]]\nname = \"{}\"\npath = {}\n",
        stream_name(url),
        template(url.path())
    ));
    if format != Format::Json {
        text.push_str(&format!("format = {}\n", serde_json::to_value(format).unwrap_or_default()));
    }
    text.push_str(&guessed(guess, format));
    if !(params.is_empty() && others.is_empty()) {
        text.push_str("\n# The query; {braces} would take values from a for_each list.\n[streams.params]\n");
        for name in others {
            let value = format!("{{{{ config[{}] }}}}", word(name));
            text.push_str(&format!("{} = {}\n", toml_key(name), quoted(&value)));
        }
        for (key, values) in &params {
            let values: Vec<String> = values.iter().map(|value| template(value)).collect();
            let value =
                if values.len() == 1 { values[0].clone() } else { format!("[{}]", values.join(", ")) };
            text.push_str(&format!("{} = {value}\n", toml_key(key)));
        }
    }
    if !columns.is_empty() {
        let width = columns.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        text.push_str(
            "\n# Columns found (types widen as data comes; `columns = { … }` in the stream fixes them):\n",
        );
        for (name, data_type) in columns {
            text.push_str(&format!("#   {:width$}  {data_type}\n", name.escape_debug().to_string()));
        }
    }
    text
}

fn head(url: &Url) -> String {
    format!(
        "# Made by `tidegate init` from one answer of {}: every line is a guess to be checked.\n\
         name = \"{}\"\n\
         # Raw answers and the tables, relative to this file; \"s3://bucket/prefix\" works as well.\n\
         staging = \"file:./staging\"\nlake = \"file:./lake\"\n",
        url.host_str().unwrap_or_default(),
        pipeline_name(url)
    )
}

fn guessed(guess: &Guess, format: Format) -> String {
    let mut text = String::new();
    if format == Format::Json {
        let found = match guess.count {
            1 => "1 record".to_owned(),
            count => format!("{count} records"),
        };
        text.push_str(&format!("# Where the records are in an answer; {found} were there.\n"));
        text.push_str(&format!("records = {}\n", quoted(&guess.records)));
    }
    match &guess.event_time {
        Some((path, newest)) => text.push_str(&format!(
            "# The record's own time, which partitions it; the newest was {newest}.\nevent_time = {}\n",
            quoted(path)
        )),
        None => text.push_str("# No time was found in the records, so the time of the poll partitions them.\n# event_time = \"…\"\n"),
    }
    text.push_str("partition_by = \"hour\"\n");
    if guess.primary_key.is_empty() && guess.count > 1 {
        text.push_str("# No fields were found that identify a record, so each answer that has changed lands whole.\n# primary_key = [\"…\"]\n");
    }
    if !guess.primary_key.is_empty() {
        let key: Vec<String> = guess.primary_key.iter().map(|path| quoted(path)).collect();
        text.push_str("# What identifies a record: one that the poll before brought with the same content is not landed again.\n");
        text.push_str(&format!("primary_key = [{}]\n", key.join(", ")));
    }
    if let Paginator::JsonLink(JsonLink { next_url_path, .. }) = &guess.paginator {
        text.push_str("# The answer names its next page.\n");
        text.push_str(&format!(
            "paginator = {{ type = \"json_link\", next_url_path = {} }}\n",
            quoted(next_url_path)
        ));
    }
    if !guess.ignore.is_empty() {
        let paths: Vec<String> = guess.ignore.iter().map(|path| quoted(path)).collect();
        text.push_str(&format!(
            "# Values that move on every request and are no change of the data.\nignore = [{}]\n",
            paths.join(", ")
        ));
    }
    text.push_str("# When to look: learned from what polls find; also \"15m\", or { cron = \"*/10 * * * *\" }.\ncadence = \"learn\"\n");
    text
}

/// A TOML text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A TOML text that is a template without references.
fn template(text: &str) -> String {
    if text.contains(['{', '}']) { quoted(&format!("{{{{ {} }}}}", word(text))) } else { quoted(text) }
}

/// A text in an expression.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn toml_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

fn base(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// The names of the parameters that look like secrets, whose values must not be written, and the rest of the query.
fn params(url: &Url) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let mut secrets = Vec::new();
    let mut params: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in url.query_pairs() {
        if !is_secret(&key) {
            params.entry(key.into_owned()).or_default().push(value.into_owned());
        } else if !secrets.iter().any(|known| *known == key) {
            secrets.push(key.into_owned());
        }
    }
    (secrets, params)
}

/// Whether a value is not to be written down: rather one too many than a secret in a file. Where a page begins is none.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let words = ["key", "auth", "sig", "signature", "pwd", "passwd", "appid", "app_id"];
    let parts = ["app_key", "appkey", "access_key", "accesskey", "subscription_key"];
    let pages = ["page", "next", "cursor"].iter().any(|part| name.contains(part));
    words.contains(&name.as_str())
        || parts.iter().any(|part| name.contains(part))
        || tells_a_secret(&name) && !pages
}

fn variable(parameter: &str) -> String {
    parameter.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// `api.open-meteo.com` is `open_meteo`.
pub(super) fn pipeline_name(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let is_name = matches!(url.host(), Some(url::Host::Domain(_)));
    let labels: Vec<&str> = host.split('.').filter(|label| !["www", "api"].contains(label)).collect();
    match labels.as_slice() {
        [] => name(host),
        labels if !is_name => name(&labels.join("_")),
        [only] => name(only),
        [.., label, _] => name(label),
    }
}

/// The last word of the path that says something.
fn stream_name(url: &Url) -> String {
    let segments = url.path_segments().into_iter().flatten();
    let mut stems = segments.map(|segment| segment.split('.').next().unwrap_or(segment)).map(name);
    let telling = |word: &String| {
        word.chars().any(|c| c.is_ascii_alphabetic()) && !word.starts_with('_') && word != "quarantine"
    };
    stems.rfind(telling).unwrap_or_else(|| "records".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_never_written_down() {
        let query = "api_key=K1&access_token=T2&Client_Secret=S3&sig=G4&password=P5&city=Bern&page_token=N6&sort_key=id";
        let url = Url::parse(&format!("http://x.test/a?{query}")).expect("a URL");
        let text = file(&url, Format::Json, &Guess::default(), &[]);
        for secret in ["K1", "T2", "S3", "G4", "P5"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("page_token = \"N6\"") && text.contains("sort_key = \"id\""), "{text}");
        assert!(text.contains("city = \"Bern\"") && text.contains("api_key = \"${API_KEY}\""), "{text}");
        assert!(text.contains("access_token = \"{{ config['access_token'] }}\""), "{text}");
        let source = text.parse::<toml::Table>().expect("TOML");
        assert_eq!(source["source"]["config"]["Client_Secret"].as_str(), Some("${CLIENT_SECRET}"));
    }

    #[test]
    fn braces_of_a_query_are_text() {
        let written = template(r#"{"a":{"b":"it's \"}}"#);
        let table: toml::Table = format!("t = {written}").parse().expect("TOML");
        let template = table["t"].as_str().expect("a text");
        let scope = tidegate_core::expr::Scope::new(tidegate_core::jiff::Timestamp::UNIX_EPOCH);
        let expr = tidegate_core::expr::Expr::parse(template).expect("an expression");
        assert_eq!(expr.text(&scope).expect("a text"), r#"{"a":{"b":"it's \"}}"#);
    }
}
