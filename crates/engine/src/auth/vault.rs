//! A refresh token that changes with each use outlives the process: each new one is kept in staging, encrypted, before
//! the token that came with it is used. The key comes from the first refresh token and the client secret, which are in no
//! object: whoever reads staging learns nothing, and a new first refresh token in the settings starts anew.
//!
//! One process at a time renews, by a lease; the others find what it has kept. Documents are numbered and created once
//! each, so that two who renew all the same overwrite nothing of each other, and the last few stay to fall back on.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use object_store::ObjectStore;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use tidegate_core::change;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys;
use tidegate_core::pipeline::Oauth2;
use tidegate_core::time::after;

use super::applicant::Applicant;
use super::grant::{self, Denied, Granted};
use super::token::Token;
use crate::objects::{self, Put};
use crate::{Env, Error, lease};

/// What is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    refresh_token: String,
    /// Empty where none came with the refresh token.
    access_token: String,
    expires: Option<Timestamp>,
}

impl Kept {
    fn token(&self) -> Token {
        Token { value: self.access_token.clone(), expires: self.expires }
    }
}

/// The document in staging.
#[derive(Serialize, Deserialize)]
struct Sealed {
    version: u32,
    nonce: String,
    sealed: String,
}

/// Documents that stay.
const KEPT: u64 = 3;
/// For how long one process begins requests for a new token. Its right lasts longer by one request and what follows.
const ASKING: Duration = Duration::from_secs(60);
/// How long it may take to keep what was granted.
const KEEPING: Duration = Duration::from_secs(30);

/// The access token that is kept, if it holds and is not the refused one; else a new one for the latest refresh token.
/// None where another process is renewing. `unkept` is what was granted and could not be kept: as long as it is not, no
/// other request is sent.
pub(super) async fn renewed(
    applicant: &Applicant,
    oauth: &Oauth2,
    refused: Option<&str>,
    unkept: &mut Option<Kept>,
) -> Result<Option<Token>, Error> {
    let vault = Vault::open(applicant, oauth)?;
    if unkept.is_none()
        && let Some(token) = vault.token(refused).await?
    {
        return Ok(Some(token));
    }
    let leases = keys::token_leases(&vault.prefix);
    let (until, request) = (after(vault.env.clock.now(), ASKING), applicant.source.limits.timeout.0);
    let life = ASKING.saturating_add(request).saturating_add(KEEPING);
    let Some(lease) = lease::take(vault.env, vault.store, &leases, life).await? else { return Ok(None) };
    let renewal = Renewal { applicant, oauth, refused, until };
    let renewed = vault.renew(&renewal, unkept).await;
    if let Err(error) = lease.give_back(vault.env, vault.store).await {
        tracing::warn!("others have to wait until the right to renew the token is over: {error}");
    }
    renewed.map(Some)
}

/// What a renewal is for.
#[derive(Clone, Copy)]
struct Renewal<'a> {
    applicant: &'a Applicant,
    oauth: &'a Oauth2,
    /// A token that must not be taken again.
    refused: Option<&'a str>,
    /// No request begins after this time.
    until: Timestamp,
}

/// Where the refresh tokens of one set of credentials are, and what reads them.
struct Vault<'a> {
    env: &'a Env,
    store: &'a dyn ObjectStore,
    prefix: String,
    key: LessSafeKey,
    first: String,
}

impl<'a> Vault<'a> {
    fn open(applicant: &'a Applicant, oauth: &Oauth2) -> Result<Vault<'a>, Error> {
        let first = oauth.refresh_token.as_ref().map(|token| applicant.reveal("refresh_token", token));
        let first = first.transpose()?.unwrap_or_default();
        let secret = oauth.client_secret.as_ref().map(|secret| applicant.reveal("client_secret", secret));
        let secret = secret.transpose()?;
        let (prefix, key) = derived(&first, secret.as_deref().unwrap_or_default(), &oauth.access_token_url);
        Ok(Vault { env: &applicant.env, store: applicant.state.as_ref(), prefix, key, first })
    }

    /// The token that is kept, if it can be used.
    async fn token(&self, refused: Option<&str>) -> Result<Option<Token>, Error> {
        let (now, kept) = (self.env.clock.now(), self.kept(1).await?);
        let token = kept.last().map(Kept::token);
        Ok(token.filter(|token| token.holds(now) && refused != Some(token.value.as_str())))
    }

    /// The last documents, in the order of their numbers.
    async fn kept(&self, most: usize) -> Result<Vec<Kept>, Error> {
        let mut numbers = self.numbers().await?;
        let mut all = Vec::new();
        for number in numbers.split_off(numbers.len().saturating_sub(most)) {
            let key = keys::token(&self.prefix, number);
            // Another process removes what is older than the last few.
            let Some(bytes) = objects::get(self.env, self.store, &key).await? else { continue };
            let reason = "the refresh token in it cannot be decrypted".to_owned();
            let kept = unseal(&self.key, &bytes).ok_or(Error::Damaged { key, reason })?;
            [&kept.access_token, &kept.refresh_token].iter().for_each(|token| self.env.secrets.learn(token));
            all.push(kept);
        }
        Ok(all)
    }

    /// Renews, as the only one: with the latest refresh token, or the one before it where that one is not good (who renewed
    /// last may have been told of a new one and have died before it was kept, with an API that lets the old one live on).
    async fn renew(&self, renewal: &Renewal<'_>, unkept: &mut Option<Kept>) -> Result<Token, Error> {
        let Renewal { applicant, oauth, refused, until } = *renewal;
        self.keep(unkept).await?;
        let mut failure = None;
        for refresh_token in self.candidates().await? {
            // Before the first one: who renewed while we waited. Before others: who did without a lease.
            if let Some(token) = self.token(refused).await? {
                return Ok(token);
            }
            match grant::refresh(applicant, oauth, &refresh_token, until).await {
                Ok(granted) => return self.take_in(granted, refresh_token, unkept).await,
                Err(Denied::Grant(message)) => failure = failure.or(Some(message)),
                Err(Denied::Other(error)) => return Err(error),
            }
        }
        match self.token(refused).await? {
            Some(token) => Ok(token),
            None => Err(Error::Source(format!(
                "{}; if another program uses this refresh token too, give each its own; else get a new one and set \
                 `refresh_token` of source.auth to it",
                failure.unwrap_or_default()
            ))),
        }
    }

    /// The refresh tokens to try, the latest first.
    async fn candidates(&self) -> Result<Vec<String>, Error> {
        let kept = self.kept(usize::try_from(KEPT).unwrap_or(usize::MAX)).await?;
        let mut candidates: Vec<String> = kept.into_iter().rev().map(|kept| kept.refresh_token).collect();
        candidates.push(self.first.clone());
        candidates.dedup();
        Ok(candidates)
    }

    /// Keeps what was granted for a refresh token. One that changes does so even where no access token came with it.
    async fn take_in(
        &self,
        granted: Granted,
        before: String,
        unkept: &mut Option<Kept>,
    ) -> Result<Token, Error> {
        let Granted { token, refresh_token } = granted;
        let (access_token, expires) = match (&token, &refresh_token) {
            (Ok(token), _) => (token.value.clone(), token.expires),
            (Err(_), Some(_)) => (String::new(), Some(self.env.clock.now())),
            (Err(_), None) => return token,
        };
        let refresh_token = refresh_token.unwrap_or(before);
        *unkept = Some(Kept { refresh_token, access_token, expires });
        self.keep(unkept).await?;
        token
    }

    /// Keeps what is not kept yet, under the next number that is free; what is older than the last few is removed.
    async fn keep(&self, unkept: &mut Option<Kept>) -> Result<(), Error> {
        let Some(kept) = unkept else { return Ok(()) };
        let broken = || Error::Config("the refresh token cannot be encrypted".to_owned());
        let bytes = bytes::Bytes::from(seal(&self.key, kept).ok_or_else(broken)?);
        let before = self.numbers().await?;
        let mut number = before.last().map_or(1, |last| last + 1);
        while let Put::Exists(_) =
            objects::create(self.env, self.store, &keys::token(&self.prefix, number), &bytes).await?
        {
            number += 1;
        }
        *unkept = None;
        for old in before.into_iter().filter(|old| old + KEPT <= number) {
            // Whoever keeps the next one tries again.
            if let Err(error) = objects::delete(self.env, self.store, &keys::token(&self.prefix, old)).await {
                tracing::warn!("an old refresh token stays: {error}");
            }
        }
        Ok(())
    }

    /// The numbers of all documents, in order.
    async fn numbers(&self) -> Result<Vec<u64>, Error> {
        let found = objects::list(self.env, self.store, &self.prefix).await?;
        Ok(found.iter().filter_map(|meta| keys::parse_token(meta.location.as_ref())).collect())
    }
}

/// The name of a set of credentials and the key to what is kept for it. Neither tells anything of the other.
fn derived(first: &str, secret: &str, url: &str) -> (String, LessSafeKey) {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tidegate refresh token");
    let extracted = salt.extract(format!("{}:{first}{secret}", first.len()).as_bytes());
    let fill = |what: &[u8], out: &mut [u8]| {
        extracted
            .expand(&[what, url.as_bytes()], Length(out.len()))
            .and_then(|material| material.fill(out))
            .expect("one block, which HKDF always gives");
    };
    let (mut name, mut key) = ([0; 16], [0; 32]);
    fill(b"name", &mut name);
    fill(b"key", &mut key);
    let key = UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes are a key");
    (keys::tokens(&change::hex(&name)), LessSafeKey::new(key))
}

fn seal(key: &LessSafeKey, kept: &Kept) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).ok()?;
    let mut sealed = serde_json::to_vec(kept).ok()?;
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
    let document = Sealed { version: 1, nonce: STANDARD.encode(nonce), sealed: STANDARD.encode(sealed) };
    serde_json::to_vec(&document).ok()
}

fn unseal(key: &LessSafeKey, bytes: &[u8]) -> Option<Kept> {
    let document: Sealed = serde_json::from_slice(bytes).ok()?;
    let nonce = Nonce::try_assume_unique_for_key(&STANDARD.decode(document.nonce).ok()?).ok()?;
    let mut sealed = STANDARD.decode(document.sealed).ok()?;
    let open = key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
    serde_json::from_slice(open).ok()
}

/// A length that HKDF is asked for.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_read_by_who_knows_the_first_token_and_by_no_one_else() {
        let kept = Kept {
            refresh_token: "refresh-1".to_owned(),
            access_token: "access-1".to_owned(),
            expires: None,
        };
        let (prefix, key) = derived("first", "secret", "https://x.org/token");
        let bytes = seal(&key, &kept).expect("sealed");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("refresh-1") && !text.contains("access-1") && !text.contains("first"));
        assert_eq!(unseal(&key, &bytes).map(|kept| kept.refresh_token).as_deref(), Some("refresh-1"));
        let same = derived("first", "secret", "https://x.org/token");
        assert!(same.0 == prefix && unseal(&same.1, &bytes).is_some());
        for (first, secret, url) in [
            ("other", "secret", "https://x.org/token"),
            ("first", "", "https://x.org/token"),
            ("first", "secret", "https://y.org"),
        ] {
            let other = derived(first, secret, url);
            assert!(unseal(&other.1, &bytes).is_none() && other.0 != prefix);
        }
        assert!(unseal(&key, b"{}").is_none());
    }
}
