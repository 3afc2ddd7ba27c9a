//! Credentials, in the words of dlt's rest_api where it has them.

mod oauth;
mod session;
mod signed;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;

pub use oauth::{ClientAuth, Oauth2, TokenBody};
pub use session::{Login, SessionToken};
pub use signed::{AwsSigv4, Hmac, HmacAlgorithm, Jwt, JwtAlgorithm, KeyEncoding, SignatureEncoding};

/// Credentials, in the words of dlt's rest_api. They go to the origin of `base_url` and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// No credentials.
    #[default]
    None,
    /// `Authorization: Bearer <token>`.
    Bearer {
        /// The token, as `${ENV}` or `${file:…}`.
        #[schemars(extend("format" = "secret"))]
        token: Secret,
    },
    /// A key in a header, a query parameter, a cookie or the body.
    ApiKey {
        /// Name of the header, parameter or cookie; in the body a dotted path.
        name: String,
        /// The key, as `${ENV}` or `${file:…}`.
        #[schemars(extend("format" = "secret"))]
        api_key: Secret,
        /// Where it goes.
        #[serde(default)]
        location: Location,
    },
    /// RFC 7617.
    HttpBasic {
        /// User name.
        username: Secret,
        /// Password, as `${ENV}` or `${file:…}`.
        #[schemars(extend("format" = "secret"))]
        password: Secret,
    },
    /// OAuth 2: a token for client id and secret (RFC 6749, section 4.4), shared by all streams, renewed shortly before it
    /// ends and once where it is refused.
    Oauth2ClientCredentials(Oauth2),
    /// OAuth 2: a token for a refresh token (RFC 6749, section 6). A refresh token that changes with each use is kept in
    /// `staging`, encrypted with a key that comes from the first refresh token and the client secret.
    Oauth2RefreshToken(Oauth2),
    /// A JSON Web Token signed here, sent as it is or, with `access_token_url`, exchanged for an OAuth 2 token (RFC 7523).
    Jwt(Jwt),
    /// A token that a login request answers with.
    SessionToken(SessionToken),
    /// A signature over each request by a shared key.
    Hmac(Hmac),
    /// AWS Signature Version 4.
    AwsSigv4(AwsSigv4),
}

/// Where a credential goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A request header.
    #[default]
    Header,
    /// A query parameter.
    Query,
    /// A cookie.
    Cookie,
    /// The body: JSON, or a field of the form.
    Body,
}

impl Auth {
    /// Everything in it that may refer to secrets.
    pub fn secrets(&self) -> Vec<&Secret> {
        match self {
            Auth::None => Vec::new(),
            Auth::Bearer { token } => vec![token],
            Auth::ApiKey { api_key, .. } => vec![api_key],
            Auth::HttpBasic { username, password } => vec![username, password],
            Auth::Oauth2ClientCredentials(oauth) | Auth::Oauth2RefreshToken(oauth) => oauth.secrets(),
            Auth::Jwt(jwt) => jwt.secrets(),
            Auth::SessionToken(session) => session.login.secrets(),
            Auth::Hmac(hmac) => vec![&hmac.key],
            Auth::AwsSigv4(aws) => {
                [&aws.access_key_id, &aws.secret_access_key].into_iter().chain(&aws.session_token).collect()
            }
        }
    }

    /// Where it puts something into each request, where it does.
    pub fn location(&self) -> Option<Location> {
        match self {
            Auth::None => None,
            Auth::ApiKey { location, .. } => Some(*location),
            Auth::SessionToken(session) => Some(session.location),
            Auth::Hmac(hmac) => Some(hmac.location),
            _ => Some(Location::Header),
        }
    }
}

fn hour() -> super::Span {
    super::Span::from_secs(3600)
}

fn bearer() -> String {
    "Bearer ".to_owned()
}
