//! Signatures over a request: by a shared key, and AWS Signature Version 4.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use ring::{digest, hmac};
use serde_json::Value;
use tidegate_core::change;
use tidegate_core::cursor;
use tidegate_core::expr::{Dialect, Scope};
use tidegate_core::pipeline::{
    AwsSigv4, Hmac, HmacAlgorithm, KeyEncoding, Method, SignatureEncoding, Template, Values,
};
use tidegate_core::request::Request;

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
        text("method", method(request)),
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

fn method(request: &Request) -> &'static str {
    match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

/// The request signed as AWS wants it. The signature is `object_store`'s, as that of every call to AWS.
pub(super) fn aws(fetch: &Fetch<'_>, spec: &AwsSigv4, request: &Request) -> Result<Request, Error> {
    let mut request = request.clone();
    let token = spec
        .session_token
        .as_ref()
        .map(|token| reveal(&fetch.env.secrets, "session_token", token))
        .transpose()?;
    if let Some(token) = &token {
        let place = "source.auth.session_token";
        request.set_sound_header(place, "x-amz-security-token", token.clone()).map_err(config)?;
    }
    let credential = AwsCredential {
        key_id: reveal(&fetch.env.secrets, "access_key_id", &spec.access_key_id)?,
        secret_key: reveal(&fetch.env.secrets, "secret_access_key", &spec.secret_access_key)?,
        token,
    };
    let wrong = |error: String| Error::Config(format!("source.auth: the request cannot be signed: {error}"));
    // A header that is signed must arrive as it is, so only what says what is asked for takes part.
    let mut signed: HttpRequest = http::Request::builder()
        .method(method(&request))
        .uri(request.url.as_str())
        .body(HttpRequestBody::from(request.body.clone().unwrap_or_default()))
        .map_err(|error| wrong(error.to_string()))?;
    AwsAuthorizer::new(&credential, &spec.service, &spec.region)
        .try_authorize(&mut signed, None)
        .map_err(|error| wrong(error.to_string()))?;
    for (name, value) in signed.headers() {
        let value = value.to_str().map_err(|error| wrong(error.to_string()))?;
        request.set_header(name.as_str(), value.to_owned());
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
