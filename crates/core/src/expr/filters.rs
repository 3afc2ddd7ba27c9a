//! The filters beside the library's: those of the Airbyte CDK, and those that Jinja2 has in another way.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, Value};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::moment::wrong;
use super::{Dialect, json, python};
use crate::change::hex;

/// Their names.
pub(super) const NAMES: [&str; 9] = [
    "hash",
    "hmac",
    "base64encode",
    "base64decode",
    "base64binascii_decode",
    "regex_search",
    "tojson",
    "urlencode",
    "string",
];

/// Adds all of them.
pub(super) fn add(environment: &mut Environment<'static>, dialect: Dialect) {
    environment.add_filter("hash", hash);
    environment.add_filter("hmac", hmac);
    environment.add_filter("base64encode", |text: &str| STANDARD.encode(text));
    environment.add_filter("base64decode", base64decode);
    // The CDK's name says decode; what it does is encode.
    environment.add_filter("base64binascii_decode", |text: &str| STANDARD.encode(text));
    environment.add_filter("regex_search", regex_search);
    environment.add_filter("tojson", tojson);
    environment.add_filter("urlencode", |text: &str| urlencoded(text));
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    if dialect == Dialect::Cdk {
        environment.add_filter("string", string);
        // What is not there is an empty text.
        environment.add_filter("urlencode", |value: Value| Ok(urlencoded(&python::shown(&value)?)));
    }
}

/// What Jinja2 leaves as it is in a URL.
const URL: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

fn urlencoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, URL).to_string()
}

fn digest<D: Digest>(parts: &[&str]) -> String {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part.as_bytes()));
    hex(&digest.finalize())
}

fn hash(value: Value, kind: Option<&str>, salt: Option<&str>, options: Kwargs) -> Result<String, Error> {
    let kind = kind.or(options.get("hash_type")?).unwrap_or("md5");
    let salt = salt.or(options.get("salt")?).unwrap_or_default();
    options.assert_all_used()?;
    let text = python::shown(&value)?;
    let parts = [text.as_str(), salt];
    match kind {
        "md5" => Ok(digest::<Md5>(&parts)),
        "sha1" => Ok(digest::<Sha1>(&parts)),
        "sha224" => Ok(digest::<Sha224>(&parts)),
        "sha256" => Ok(digest::<Sha256>(&parts)),
        "sha384" => Ok(digest::<Sha384>(&parts)),
        "sha512" => Ok(digest::<Sha512>(&parts)),
        _ => Err(wrong(format!(
            "no hash is called `{kind}`; known: md5, sha1, sha224, sha256, sha384, sha512"
        ))),
    }
}

fn hmac(value: Value, key: &str, kind: Option<&str>, options: Kwargs) -> Result<String, Error> {
    let kind = kind.or(options.get("hash_type")?).unwrap_or("sha256");
    options.assert_all_used()?;
    if kind != "sha256" {
        return Err(wrong(format!("no hmac is called `{kind}`; known: sha256")));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    mac.update(python::shown(&value)?.as_bytes());
    Ok(hex(&mac.finalize().into_bytes()))
}

fn base64decode(text: &str) -> Result<String, Error> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&ALPHABET, lenient).decode(text.trim());
    let bytes = bytes.map_err(|_| wrong("the text is no base64"))?;
    String::from_utf8(bytes).map_err(|_| wrong("the decoded bytes are no UTF-8 text"))
}

/// The first group of the first match; an empty text where there is none.
fn regex_search(text: &str, pattern: &str) -> Result<String, Error> {
    let regex = regex_lite::Regex::new(pattern)
        .map_err(|error| wrong(format!("`{pattern}` is no regular expression: {error}")))?;
    let found = regex.captures(text).and_then(|captures| captures.get(1));
    Ok(found.map_or_else(String::new, |group| group.as_str().to_owned()))
}

/// JSON as Jinja2 writes it: keys sorted, safe within HTML.
fn tojson(value: Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(minijinja::ErrorKind::UndefinedError));
    }
    let text = json::dumps(&plain(&value)?, true);
    Ok(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027"))
}

/// A text as it is, anything else as its JSON in quotes that keep it a text.
fn string(value: Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Ok(format!("\"\"\"{}\"\"\"", json::dumps(&plain(&value)?, false))),
    }
}

fn plain(value: &Value) -> Result<serde_json::Value, Error> {
    json::from_value(value).map_err(|error| wrong(error.to_string()))
}

/// As Jinja2: what is no number is the default.
fn int(value: Value, default: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let default = default.or(options.get("default")?).unwrap_or_else(|| Value::from(0));
    options.assert_all_used()?;
    let of_float = |number: f64| number.is_finite().then(|| Value::from(number.trunc() as i128));
    let found = match value.kind() {
        ValueKind::Bool => Some(Value::from(i32::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => Some(value),
        ValueKind::Number => f64::try_from(value).ok().and_then(of_float),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim();
            text.parse::<i128>().ok().map(Value::from).or_else(|| of_float(text.parse().ok()?))
        }
        _ => None,
    };
    Ok(found.unwrap_or(default))
}

fn float(value: Value, default: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let default = default.or(options.get("default")?).unwrap_or_else(|| Value::from(0.0));
    options.assert_all_used()?;
    let found = match value.kind() {
        ValueKind::Bool => Some(f64::from(i32::from(value.is_true()))),
        ValueKind::Number => f64::try_from(value).ok(),
        ValueKind::String => value.as_str().and_then(|text| text.trim().parse().ok()),
        _ => None,
    };
    Ok(found.map_or(default, Value::from))
}
