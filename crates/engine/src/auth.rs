//! Credentials that change while a source is asked: tokens got and renewed, signatures made for each request. Those that
//! never change are put in when a request is built (`tidegate_core::request::build`).

mod applicant;
mod grant;
mod jwt;
mod login;
mod sign;
mod sigv4;
mod token;
mod vault;

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_core::pipeline::{Auth, Location, Secret, Secrets};
use tidegate_core::request::{Request, RequestError};

use crate::Error;
use crate::fetch::Fetch;

pub(crate) use token::{Held, Tokens};

/// A request with its credentials.
pub(crate) struct Authorized<'r> {
    pub(crate) request: Cow<'r, Request>,
    /// The token among them, where there is one.
    pub(crate) token: Option<Arc<Held>>,
}

/// The request with its credentials as they are now. Nothing is added to one that has left its origin.
pub(crate) async fn authorize<'r>(fetch: &Fetch<'_>, request: &'r Request) -> Result<Authorized<'r>, Error> {
    let plain = Authorized { request: Cow::Borrowed(request), token: None };
    let auth = fetch.auth();
    let (location, name, prefix) = match auth {
        Auth::None | Auth::Bearer { .. } | Auth::ApiKey { .. } | Auth::HttpBasic { .. } => return Ok(plain),
        _ if request.away => return Ok(plain),
        Auth::Hmac(hmac) => {
            let request = sign::hmac(fetch, hmac, request)?;
            return Ok(Authorized { request: Cow::Owned(request), token: None });
        }
        Auth::AwsSigv4(aws) => {
            let request = sign::aws(fetch, aws, request)?;
            return Ok(Authorized { request: Cow::Owned(request), token: None });
        }
        Auth::SessionToken(session) => (session.location, session.name.as_str(), &session.prefix),
        Auth::Oauth2ClientCredentials(oauth) | Auth::Oauth2RefreshToken(oauth) => {
            (Location::Header, "authorization", &oauth.prefix)
        }
        Auth::Jwt(jwt) => (Location::Header, "authorization", &jwt.prefix),
    };
    let token = fetch.gate.tokens(auth).current(fetch).await?;
    let mut request = request.clone();
    request.set_credential(location, name, &format!("{prefix}{}", token.value())).map_err(config)?;
    Ok(Authorized { request: Cow::Owned(request), token: Some(token) })
}

fn config(error: RequestError) -> Error {
    Error::Config(error.to_string())
}

/// The value of a secret; the error names the key in the file.
fn reveal(secrets: &Secrets, key: &str, secret: &Secret) -> Result<String, Error> {
    secrets.reveal(secret).map_err(|name| {
        Error::Config(format!("source.auth.{key}: the secret `{name}` has no value; set it and start again"))
    })
}
