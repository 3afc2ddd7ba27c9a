//! What a single text must look like, by the `format` that its field declares in the schema.

use std::str::FromStr;

use serde_json::Value as Json;

use super::units::{ByteSize, Span};
use super::{Contract, words};
use crate::cadence::CadenceSpec;
use crate::expr::Expr;

/// What is wrong, and what to write instead.
pub(super) type Wrong = (String, Option<String>);

fn wrong(message: impl Into<String>, help: impl Into<String>) -> Result<(), Wrong> {
    Err((message.into(), Some(help.into())))
}

/// Checks a value against a form; a form that is none of ours accepts everything.
pub(super) fn check(form: &str, value: &Json) -> Result<(), Wrong> {
    if let ("uint32", Some(number)) = (form, value.as_u64()) {
        return match u32::try_from(number) {
            Ok(_) => Ok(()),
            Err(_) => Err((format!("{number} is too large"), None)),
        };
    }
    let Some(text) = value.as_str() else { return Ok(()) };
    match form {
        "span" => parsed::<Span>(text),
        "bytes" => parsed::<ByteSize>(text),
        "contract" => parsed::<Contract>(text),
        "cadence" => cadence(text),
        "name" => name(text),
        "http-url" => http_url(text),
        "store-url" => store_url(text),
        "jsonpath" => json_path(text),
        "field" => field(text),
        "cron" => cron(text),
        "secret" => secret(text),
        "secret-text" => references(text),
        "timezone" => timezone(text),
        "strptime" => strptime(text),
        // What it may name is checked at its place.
        "expression" if !Expr::is_in(text) => {
            wrong("an expression stands in braces", format!("write \"{{{{ {text} }}}}\""))
        }
        _ => Ok(()),
    }
}

fn parsed<T: FromStr<Err = String>>(text: &str) -> Result<(), Wrong> {
    text.parse::<T>().map(drop).map_err(|message| (message, None))
}

/// A word that is no span of time was meant to be `learn`, or is nothing.
fn cadence(text: &str) -> Result<(), Wrong> {
    match words::nearest(text, &["learn"]) {
        Some(near) if near != text => {
            wrong(format!("`{text}` is no cadence"), format!("did you mean `{near}`?"))
        }
        _ => parsed::<CadenceSpec>(text),
    }
}

fn name(text: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if text.is_empty() {
        return wrong("a name cannot be empty", "use lower-case letters, digits and `_`");
    }
    if text.chars().all(fits) {
        return Ok(());
    }
    let tame = text.to_lowercase().replace(|c| !fits(c), "_");
    wrong(format!("`{text}` holds more than lower-case letters, digits and `_`"), format!("write `{tame}`"))
}

fn http_url(text: &str) -> Result<(), Wrong> {
    if Expr::is_in(text) {
        return Expr::parse(text).map(drop).map_err(|error| (error.to_string(), None));
    }
    let example = "such as \"https://api.open-meteo.com\"";
    match url::Url::parse(text) {
        Err(error) => wrong(format!("`{text}` is not a URL ({error})"), format!("write one {example}")),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            wrong(format!("`{}` is neither http nor https", url.scheme()), format!("write a URL {example}"))
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => wrong(
            "a URL with a user name or a password in it would be written to logs and batches",
            "put them into source.auth, type = \"http_basic\"",
        ),
        Ok(_) => Ok(()),
    }
}

fn store_url(text: &str) -> Result<(), Wrong> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return wrong(format!("`{text}` has no scheme"), format!("for a directory write \"file:{text}\""));
    };
    let bucket = rest.strip_prefix("//").map(|rest| rest.split('/').next().unwrap_or(""));
    match (scheme, bucket) {
        ("file", _) if rest.trim_matches('/').is_empty() => {
            wrong("the directory is missing", "write \"file:./lake\" or \"file:///data/lake\"")
        }
        ("file", Some(host)) if !host.is_empty() => wrong(
            format!("`//{host}` is a host, and files have none"),
            format!("write \"file:.{}\" or \"file:///…\"", rest.strip_prefix("//.").unwrap_or(&rest[1..])),
        ),
        ("file" | "memory", _) => Ok(()),
        ("s3", Some(bucket)) if !bucket.is_empty() => Ok(()),
        ("s3", _) => wrong("the bucket is missing", "write \"s3://bucket/prefix\""),
        _ => wrong(format!("`{scheme}:` is no store"), "known here: file:, s3://, memory://"),
    }
}

fn json_path(text: &str) -> Result<(), Wrong> {
    match crate::decode::query(text) {
        Ok(_) => Ok(()),
        Err(error) if text.starts_with('$') => wrong(
            format!("`{text}` is not a JSONPath: {error}"),
            "RFC 9535: $.data.items[*] is every item of the list `items` in `data`",
        ),
        Err(_) => {
            wrong(format!("`{text}` is not a JSONPath"), format!("a JSONPath begins with `$`: \"$.{text}\""))
        }
    }
}

/// A field of a record: a name, or a dotted path.
pub(super) fn field(text: &str) -> Result<(), Wrong> {
    if let Some(rest) = text.strip_prefix('$') {
        let plain = rest.trim_start_matches('.');
        return wrong(
            format!("`{text}` is a path within a record, not a JSONPath"),
            format!("write \"{plain}\""),
        );
    }
    match text.split('.').any(str::is_empty) {
        true => wrong(
            format!("`{text}` names no field"),
            "write a field's name (\"time\") or a dotted path (\"properties.time\")",
        ),
        false => Ok(()),
    }
}

fn cron(text: &str) -> Result<(), Wrong> {
    match crate::schedule::check_cron(text) {
        Ok(()) => Ok(()),
        Err(error) => wrong(error, "\"*/15 * * * *\" is every quarter of an hour, in UTC"),
    }
}

/// Text that must not stand in the file as it is.
fn secret(text: &str) -> Result<(), Wrong> {
    if !text.contains("${") {
        return wrong(
            "a secret must not stand in the pipeline file",
            "put it into an environment variable and write \"${NAME}\", or into a file and write \"${file:/path}\"",
        );
    }
    references(text)
}

/// Text in which `${NAME}`, `${file:/path}`, `${aws-secret:NAME}` and `${aws-parameter:NAME}` stand for secrets.
fn references(text: &str) -> Result<(), Wrong> {
    let example = "write \"${NAME}\" for an environment variable, \"${file:/path}\" for a file or, on AWS, \
                   \"${aws-secret:NAME}\" or \"${aws-parameter:NAME}\"";
    for rest in text.split("${").skip(1) {
        let Some((reference, _)) = rest.split_once('}') else {
            return wrong("`${` is not closed by `}`", example);
        };
        let variable = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let ok = match reference.split_once(':') {
            Some(("file" | "aws-secret" | "aws-parameter" | "config", name)) => !name.is_empty(),
            Some(_) => false,
            None => !reference.is_empty() && reference.chars().all(variable),
        };
        if !ok {
            return wrong(format!("`${{{reference}}}` names no environment variable and no file"), example);
        }
    }
    Ok(())
}

fn timezone(text: &str) -> Result<(), Wrong> {
    match jiff::tz::TimeZone::get(text) {
        Ok(_) => Ok(()),
        Err(_) => wrong(format!("`{text}` is no time zone"), "use an IANA name, such as \"Europe/Berlin\""),
    }
}

fn strptime(text: &str) -> Result<(), Wrong> {
    let example = "such as \"%d.%m.%Y %H:%M\"";
    if !text.contains('%') {
        return wrong(
            format!("`{text}` holds no field of a time"),
            format!("write a strptime format {example}"),
        );
    }
    let sample = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    match jiff::fmt::strtime::format(text, &sample) {
        Ok(_) => Ok(()),
        Err(error) => wrong(
            format!("`{text}` is no time format: {error}"),
            format!("write a strptime format {example}"),
        ),
    }
}
