//! JSON Web Tokens (RFC 7519), signed here and sent as they are or exchanged (RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::{hmac, signature};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Jwt, JwtAlgorithm, KeyEncoding, Method};
use tidegate_core::time::after;

use super::applicant::Applicant;
use super::grant;
use super::sign::key_bytes;
use super::token::Token;
use crate::Error;

pub(super) async fn token(applicant: &Applicant, jwt: &Jwt) -> Result<Token, Error> {
    let now = applicant.env.clock.now();
    let signed = self::signed(applicant, jwt, now)?;
    applicant.env.secrets.learn(&signed);
    let Some(url) = &jwt.access_token_url else {
        return Ok(Token::new(signed, now, Some(jwt.lifetime.0)));
    };
    let mut fields = vec![
        ("grant_type".to_owned(), "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
        ("assertion".to_owned(), signed),
    ];
    fields.extend(grant::revealed(applicant, "access_token_request_data", &jwt.access_token_request_data)?);
    let mut request = grant::request(Method::Post, url)?;
    request.set_form(fields);
    let help =
        "check `private_key`, `issuer`, `audience` and `scopes` of source.auth, and this machine's clock";
    let response = grant::send(applicant, &request, help, None).await?;
    let value = grant::token_at(applicant, &request, &response, "$.access_token")?;
    let life = grant::life_at(&response, "$.expires_in").unwrap_or(jwt.lifetime.0);
    Ok(Token::new(value, applicant.env.clock.now(), Some(life)))
}

/// The token, which holds from `now` on.
fn signed(applicant: &Applicant, jwt: &Jwt, now: Timestamp) -> Result<String, Error> {
    let mut header = json!({ "alg": jwt.algorithm, "typ": "JWT" });
    if let Some(id) = &jwt.key_id {
        header["kid"] = applicant.reveal("key_id", id)?.into();
    }
    for (name, value) in &jwt.headers {
        header[name] = value.clone();
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(&Value::Object(claims(applicant, jwt, now)?)));
    let key = applicant.reveal("private_key", &jwt.private_key)?;
    let signature = signature(jwt.algorithm, jwt.key_encoding, &key, text.as_bytes()).ok_or_else(|| {
        Error::Config(format!("source.auth.private_key: it is no {}", wanted(jwt.algorithm)))
    })?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn claims(applicant: &Applicant, jwt: &Jwt, now: Timestamp) -> Result<Map<String, Value>, Error> {
    let expires = after(now, jwt.lifetime.0);
    let mut claims = Map::from_iter([
        ("iat".to_owned(), now.as_second().into()),
        ("exp".to_owned(), expires.as_second().into()),
    ]);
    for (name, key, value) in
        [("iss", "issuer", &jwt.issuer), ("sub", "subject", &jwt.subject), ("aud", "audience", &jwt.audience)]
    {
        if let Some(value) = value {
            claims.insert(name.to_owned(), applicant.reveal(key, value)?.into());
        }
    }
    if !jwt.scopes.is_empty() {
        claims.insert("scope".to_owned(), jwt.scopes.join(" ").into());
    }
    claims.extend(jwt.claims.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(claims)
}

fn wanted(algorithm: JwtAlgorithm) -> &'static str {
    match algorithm {
        JwtAlgorithm::HS256 => "key for HS256 in that `key_encoding`",
        JwtAlgorithm::RS256 => {
            "PEM of an RSA key of 2048 bits or more (PKCS #8 or PKCS #1), as RS256 needs it"
        }
        JwtAlgorithm::ES256 => "PEM of a P-256 key (PKCS #8), as ES256 needs it",
    }
}

/// The signature of a text; `None` where the key is of another kind.
fn signature(algorithm: JwtAlgorithm, encoding: KeyEncoding, key: &str, text: &[u8]) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    // A PEM in an environment variable often has its line breaks written as `\n`.
    let pem = || PrivateKeyDer::from_pem_slice(key.replace("\\n", "\n").as_bytes()).ok();
    match algorithm {
        JwtAlgorithm::HS256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key_bytes(encoding, key)?);
            Some(hmac::sign(&key, text).as_ref().to_vec())
        }
        JwtAlgorithm::RS256 => {
            let pair = match pem()? {
                PrivateKeyDer::Pkcs8(der) => signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
                PrivateKeyDer::Pkcs1(der) => signature::RsaKeyPair::from_der(der.secret_pkcs1_der()),
                _ => return None,
            };
            let pair = pair.ok()?;
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(&signature::RSA_PKCS1_SHA256, &random, text, &mut signature).ok()?;
            Some(signature)
        }
        JwtAlgorithm::ES256 => {
            let PrivateKeyDer::Pkcs8(der) = pem()? else { return None };
            let kind = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = signature::EcdsaKeyPair::from_pkcs8(kind, der.secret_pkcs8_der(), &random).ok()?;
            pair.sign(&random, text).ok().map(|signature| signature.as_ref().to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use ring::signature::KeyPair as _;
    use tidegate_core::change::hex;

    use super::*;

    fn plain(algorithm: JwtAlgorithm, key: &str, text: &[u8]) -> Option<Vec<u8>> {
        signature(algorithm, KeyEncoding::Plain, key, text)
    }

    #[test]
    fn a_token_is_signed_with_each_kind_of_key() {
        // RFC 4231, test case 2.
        let tag = plain(JwtAlgorithm::HS256, "Jefe", b"what do ya want for nothing?").expect("a key");
        assert_eq!(hex(&tag), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let same =
            signature(JwtAlgorithm::HS256, KeyEncoding::Base64, "SmVmZQ==", b"what do ya want for nothing?");
        assert_eq!(same, Some(tag));
        let random = SystemRandom::new();
        let kind = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = signature::EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----\\n",
            STANDARD.encode(der.as_ref())
        );
        let tag = plain(JwtAlgorithm::ES256, &pem, b"text").expect("a P-256 key");
        let pair = signature::EcdsaKeyPair::from_pkcs8(kind, der.as_ref(), &random).expect("a key");
        let public = signature::UnparsedPublicKey::new(
            &signature::ECDSA_P256_SHA256_FIXED,
            pair.public_key().as_ref().to_vec(),
        );
        assert!(public.verify(b"text", &tag).is_ok() && public.verify(b"other", &tag).is_err());
        assert!(plain(JwtAlgorithm::RS256, &pem, b"text").is_none());
        assert!(plain(JwtAlgorithm::ES256, "no key", b"text").is_none());
    }
}
