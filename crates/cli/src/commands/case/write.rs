//! A recording as the folder of a case.

use std::path::Path;

use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Auth, Location, Pipeline};
use tidegate_core::request::{Request, Response};
use url::Url;

use super::exchange::{Body, Exchange, method};
use super::scrub::Scrub;
use crate::failure::Failure;

/// Response headers that matter to whoever reads an answer; those that the pipeline file names come on top.
const KEPT: [&str; 12] = [
    "content-type",
    "etag",
    "last-modified",
    "link",
    "retry-after",
    "cache-control",
    "age",
    "expires",
    "date",
    "x-poll-interval",
    "ratelimit",
    "ratelimit-policy",
];

/// Beginnings of the names of further ones.
const KEPT_BEGINNINGS: [&str; 3] = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"];

/// Request headers that decide on the answer.
const ASKED: [&str; 2] = ["if-none-match", "if-modified-since"];

/// An exchange as it was: it holds secrets.
#[derive(Clone)]
pub(crate) struct Taken {
    /// In which poll it happened, from 1.
    pub(crate) poll: u32,
    pub(crate) request: Request,
    pub(crate) response: Response,
}

/// Writes a case without its expectation. `text` is the pipeline file, `secrets` are the values of its secrets.
pub(crate) fn write(
    dir: &Path,
    text: &str,
    pipeline: &Pipeline,
    secrets: &[String],
    polls: &[Timestamp],
    taken: &[Taken],
) -> Result<(), Failure> {
    let scrub = Scrub::new(secrets, text, taken);
    let signed = Signed::of(pipeline);
    let base = Url::parse(&pipeline.source.base_url).ok();
    let named = text.to_ascii_lowercase();
    let write = || {
        let responses = dir.join("responses");
        std::fs::create_dir_all(&responses)?;
        // As it is: it refers to secrets and holds none, which was looked at before.
        std::fs::write(dir.join("pipeline.toml"), text)?;
        let times: String = polls.iter().map(|at| format!("{at}\n")).collect();
        std::fs::write(dir.join("polls.txt"), times)?;
        for (number, taken) in (1..).zip(taken.iter().filter_map(|taken| signed.without(taken))) {
            let exchange = without_secrets(&taken, &scrub, base.as_ref(), &named);
            std::fs::write(responses.join(format!("{}-{number:04}.http", taken.poll)), exchange.text())?;
        }
        Ok(())
    };
    write()
        .map_err(|error: std::io::Error| Failure::config(format!("cannot write {}: {error}", dir.display())))
}

/// What is signed with a key, which a replay cannot make.
#[derive(Default)]
struct Signed {
    /// Parameters that hold a signature or its time.
    params: Vec<String>,
    /// Where signed tokens are exchanged for others.
    exchanges: Vec<Url>,
}

impl Signed {
    /// What the credentials of the source and of each stream sign.
    fn of(pipeline: &Pipeline) -> Signed {
        let mut signed = Signed::default();
        let own = pipeline.streams.iter().filter_map(|stream| stream.auth.as_ref());
        for auth in own.chain([&pipeline.source.auth]) {
            match auth {
                Auth::Hmac(hmac) if hmac.location == Location::Query => {
                    signed.params.extend([&hmac.name].into_iter().chain(&hmac.timestamp_name).cloned());
                }
                Auth::Jwt(jwt) => {
                    let url = jwt.access_token_url.as_ref().and_then(|url| Url::parse(url).ok());
                    signed.exchanges.extend(url);
                }
                _ => {}
            }
        }
        signed
    }

    /// The exchange without its signature; `None` where it gave out a token for one.
    fn without(&self, taken: &Taken) -> Option<Taken> {
        let Request { url, body, .. } = &taken.request;
        let grant = || url::form_urlencoded::parse(body.as_deref()?).find(|(name, _)| name == "grant_type");
        if self.exchanges.contains(url) && grant().is_some_and(|(_, grant)| grant.ends_with(":jwt-bearer")) {
            return None;
        }
        let mut taken = taken.clone();
        let Request { url, secret_params, .. } = &mut taken.request;
        let signs = |name: &String| self.params.contains(name) && secret_params.contains(name);
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        if pairs.iter().any(|(name, _)| signs(name)) {
            url.set_query(None);
            for (name, value) in pairs.iter().filter(|(name, _)| !signs(name)) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Some(taken)
    }
}

/// The exchange as it may be kept: `named` is the pipeline file in lower case.
fn without_secrets(taken: &Taken, scrub: &Scrub, base: Option<&Url>, named: &str) -> Exchange {
    let Taken { poll, request, response } = taken;
    let url = scrub.address(request);
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    let target = match base.is_some_and(|base| base.origin() == url.origin()) {
        true => format!("{}{query}", url.path()),
        false => url.to_string(),
    };
    let asked = request.headers.iter().filter(|(name, _)| ASKED.contains(&name.as_str()));
    let kept = response.headers.iter().filter(|(name, _)| {
        KEPT.contains(&name.as_str())
            || KEPT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            || (name != "set-cookie" && named.contains(&format!("\"{name}\"")))
    });
    let clean = |(name, value): &(String, String)| (name.clone(), scrub.text(value));
    Exchange {
        file: String::new(),
        poll: *poll,
        line: scrub.text(&format!("{} {target}", method(request))),
        headers: asked.map(clean).collect(),
        body: request.body.as_ref().and_then(|body| Body::of(&scrub.bytes(body))),
        response: Response {
            status: response.status,
            headers: kept.map(clean).collect(),
            body: scrub.bytes(&response.body).into(),
        },
        answered: false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_core::pipeline::{Method, read};

    use super::*;

    const PIPELINE: &str = r#"
name = "a"
staging = "memory://"
lake = "memory://"
[source]
base_url = "https://h.example"
auth = { type = "hmac", key = "${KEY}", location = "query", name = "sig", timestamp_name = "ts" }
[[streams]]
name = "plain"
path = "/plain"
[[streams]]
name = "own"
path = "/own"
auth = { type = "hmac", key = "${KEY}", location = "query", name = "own_sig" }
[[streams]]
name = "jwt"
path = "/jwt"
auth = { type = "jwt", algorithm = "HS256", private_key = "${KEY}", access_token_url = "https://login.example" }
"#;

    fn taken(url: &str, secret: &[&str], body: &'static str) -> Taken {
        Taken {
            poll: 1,
            request: Request {
                method: Method::Post,
                url: Url::parse(url).expect("a URL"),
                headers: Vec::new(),
                body: Some(Bytes::from_static(body.as_bytes())),
                form: true,
                secret_params: secret.iter().map(|name| (*name).to_owned()).collect(),
                secret_body: true,
                away: false,
            },
            response: Response { status: 200, headers: Vec::new(), body: Bytes::new() },
        }
    }

    #[test]
    fn signatures_go_whatever_credentials_made_them_and_all_else_stays() {
        let signed = Signed::of(&read(PIPELINE, &[]).expect("a right file"));
        let left = |url, secret: &[&str]| {
            signed.without(&taken(url, secret, "")).map(|taken| taken.request.url.to_string())
        };
        let secret = ["key", "sig", "ts"];
        assert_eq!(
            left("https://h.example/a?key=k&q=%20&sig=s&ts=1", &secret).expect("kept"),
            "https://h.example/a?key=k&q=+"
        );
        assert_eq!(
            left("https://h.example/a?x=1&own_sig=s", &["own_sig"]).expect("kept"),
            "https://h.example/a?x=1"
        );
        // A stream without a signature may have a parameter of that name.
        assert_eq!(
            left("https://h.example/a?sig=s&q=%20", &[]).expect("kept"),
            "https://h.example/a?sig=s&q=%20"
        );
        let exchange = |body| signed.without(&taken("https://login.example/", &[], body)).is_none();
        assert!(exchange("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a"));
        assert!(!exchange("grant_type=client_credentials"));
    }
}
