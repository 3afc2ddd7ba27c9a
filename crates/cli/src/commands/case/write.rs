//! A recording as the folder of a case.

use std::path::Path;

use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Auth, Pipeline};
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
    let base = Url::parse(&pipeline.source.base_url).ok();
    let named = text.to_ascii_lowercase();
    let write = || {
        let responses = dir.join("responses");
        std::fs::create_dir_all(&responses)?;
        // As it is: it refers to secrets and holds none, which was looked at before.
        std::fs::write(dir.join("pipeline.toml"), text)?;
        let times: String = polls.iter().map(|at| format!("{at}\n")).collect();
        std::fs::write(dir.join("polls.txt"), times)?;
        for (number, taken) in
            (1..).zip(taken.iter().filter_map(|taken| unsigned(taken, &pipeline.source.auth)))
        {
            let exchange = without_secrets(&taken, &scrub, base.as_ref(), &named);
            std::fs::write(responses.join(format!("{}-{number:04}.http", taken.poll)), exchange.text())?;
        }
        Ok(())
    };
    write()
        .map_err(|error: std::io::Error| Failure::config(format!("cannot write {}: {error}", dir.display())))
}

/// The exchange without its signature, which a replay cannot make; `None` where it gave out a token for one.
fn unsigned(taken: &Taken, auth: &Auth) -> Option<Taken> {
    let mut taken = taken.clone();
    match auth {
        Auth::Jwt(jwt) if jwt.access_token_url.as_deref() == Some(taken.request.url.as_str()) => return None,
        Auth::Jwt(_) | Auth::Hmac(_) => {
            let Request { url, secret_params, .. } = &mut taken.request;
            let kept: Vec<_> =
                url.query_pairs().into_owned().filter(|(name, _)| !secret_params.contains(name)).collect();
            if !secret_params.is_empty() {
                url.query_pairs_mut().clear().extend_pairs(kept);
            }
        }
        _ => {}
    }
    Some(taken)
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
