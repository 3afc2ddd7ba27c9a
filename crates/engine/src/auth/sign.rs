//! Signatures over a request: by a shared key, and AWS Signature Version 4.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use serde_json::Value;
use tidegate_core::change;
use tidegate_core::cursor;
use tidegate_core::expr::{Dialect, Scope};
use tidegate_core::pipeline::{
    AwsSigv4, Hmac, HmacAlgorithm, KeyEncoding, SignatureEncoding, Template, Values,
};
use tidegate_core::request::Request;

use super::sigv4::{self, Signer};
use super::{config, reveal};
use crate::Error;
use crate::fetch::Fetch;

/// The request with a signature by a shared key.
pub(super) fn hmac(fetch: &Fetch<'_>, spec: &Hmac, request: &Request) -> Result<Request, Error> {
    let mut request = request.clone();
    let time = match cursor::formatted(fetch.env.clock.now(), &spec.timestamp_format) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    if let Some(name) = &spec.timestamp_name {
        request.set_credential(spec.location, name, &time).map_err(config)?;
    }
    let (now, values) = (fetch.env.clock.now(), signed(&request, time));
    let message = Template::parse(&spec.message, Dialect::Native)
        .and_then(|template| template.text(&Scope::new(now).with_all(&values), str::to_owned))
        .map_err(|error| Error::Config(format!("source.auth.message: {error}")))?;
    let algorithm = match spec.algorithm {
        HmacAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HmacAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HmacAlgorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let key = reveal(&fetch.env.secrets, "key", &spec.key)?;
    let key = key_bytes(spec.key_encoding, &key).ok_or_else(|| {
        Error::Config("source.auth.key: it is not written in its `key_encoding`".to_owned())
    })?;
    let tag = hmac::sign(&hmac::Key::new(algorithm, &key), message.as_bytes());
    let signature = match spec.encoding {
        SignatureEncoding::Hex => change::hex(tag.as_ref()),
        SignatureEncoding::Base64 => STANDARD.encode(tag.as_ref()),
    };
    request
        .set_credential(spec.location, &spec.name, &format!("{}{signature}", spec.prefix))
        .map_err(config)?;
    Ok(request)
}

/// What the message may name.
fn signed(request: &Request, time: String) -> Values {
    let body = request.body.clone().unwrap_or_default();
    let hash = change::hex(digest::digest(&digest::SHA256, &body).as_ref());
    let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
    Values::from_iter([
        text("timestamp", &time),
        text("method", request.method.word()),
        text("host", &request.host()),
        text("path", request.url.path()),
        text("query", request.url.query().unwrap_or_default()),
        text("body", &String::from_utf8_lossy(&body)),
        text("body_sha256", &hash),
    ])
}

/// The bytes of a key; `None` where it is not written so.
pub(super) fn key_bytes(encoding: KeyEncoding, key: &str) -> Option<Vec<u8>> {
    match encoding {
        KeyEncoding::Plain => Some(key.as_bytes().to_vec()),
        KeyEncoding::Base64 => STANDARD.decode(key.trim()).ok(),
        KeyEncoding::Hex => {
            let digits = key.trim().as_bytes();
            let pairs =
                digits.chunks(2).map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2));
            pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
        }
    }
}

/// The request signed as AWS wants it, at the time it is sent.
pub(super) fn aws(fetch: &Fetch<'_>, spec: &AwsSigv4, request: &Request) -> Result<Request, Error> {
    let mut request = request.clone();
    let query = sigv4::canonical_query(&request);
    request.url.set_query((!query.is_empty()).then_some(&query));
    let token = spec
        .session_token
        .as_ref()
        .map(|token| reveal(&fetch.env.secrets, "session_token", token))
        .transpose()?;
    let (key_id, secret_key) = (
        reveal(&fetch.env.secrets, "access_key_id", &spec.access_key_id)?,
        reveal(&fetch.env.secrets, "secret_access_key", &spec.secret_access_key)?,
    );
    let body = change::hex(&change::sha256(request.body.as_deref().unwrap_or_default()));
    let (host, time) = (request.host(), sigv4::stamp(fetch.env.clock.now()));
    // A header that is signed must arrive as it is, so only what says what is asked for takes part.
    let mut headers = vec![("host", host.as_str()), ("x-amz-content-sha256", &body), ("x-amz-date", &time)];
    headers.extend(token.as_deref().map(|token| ("x-amz-security-token", token)));
    let signer =
        Signer { region: &spec.region, service: &spec.service, key_id: &key_id, secret_key: &secret_key };
    let authorization = signer.authorization(&request, &headers, &time);
    for (name, value) in headers.into_iter().skip(1).chain([("authorization", authorization.as_str())]) {
        request.set_sound_header("source.auth", name, value.to_owned()).map_err(config)?;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        assert_eq!(key_bytes(KeyEncoding::Plain, "4a"), Some(b"4a".to_vec()));
        assert_eq!(key_bytes(KeyEncoding::Hex, "4a6B"), Some(b"Jk".to_vec()));
        assert_eq!(key_bytes(KeyEncoding::Base64, "Sms=\n"), Some(b"Jk".to_vec()));
        for (encoding, key) in
            [(KeyEncoding::Hex, "4a6"), (KeyEncoding::Hex, "äö"), (KeyEncoding::Base64, "?")]
        {
            assert_eq!(key_bytes(encoding, key), None, "{key}");
        }
    }
}
