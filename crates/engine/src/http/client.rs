//! The real client: reqwest over rustls on `ring`.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, redirect};
use tidegate_core::pipeline::{Limits, Method, Secrets, Source, Span};
use tidegate_core::request::{Request, Response};
use tokio::time::timeout;

use super::route::{Proxies, Route};
use super::{Http, HttpError};
use crate::Error;

/// The real client: HTTP/1.1 and 2, gzip, deflate, brotli and zstd undone while reading. Proxies and other settings of
/// the environment are not looked at. It opens nothing until its first request.
#[derive(Clone, Debug, Default)]
pub struct ReqwestHttp {
    /// Time to open a connection.
    connect_timeout: Span,
    route: Route,
    /// For https, and for whatever goes through a proxy.
    wire: OnceLock<Wire>,
    /// For plain http without a proxy: it needs no root certificates, which take longer to read than many an answer.
    plain: OnceLock<Wire>,
}

#[derive(Clone, Debug)]
struct Wire {
    client: Client,
    /// Whether root certificates were found; without them https cannot work.
    trusts: bool,
}

impl ReqwestHttp {
    /// A client with nothing but these limits.
    pub fn new(limits: &Limits) -> ReqwestHttp {
        ReqwestHttp { connect_timeout: limits.connect_timeout, ..ReqwestHttp::default() }
    }

    /// The client of a source: with its certificates, and through its proxy or, where it names none, that of the
    /// environment.
    pub fn of(source: &Source, secrets: &Secrets, environment: &Proxies) -> Result<ReqwestHttp, Error> {
        Ok(ReqwestHttp {
            route: Route::of(source, secrets, environment)?,
            ..ReqwestHttp::new(&source.limits)
        })
    }

    fn wire(&self, scheme: &str, host: &str) -> Result<&Wire, HttpError> {
        let is_plain = scheme == "http" && !self.route.has_proxy();
        let place = if is_plain { &self.plain } else { &self.wire };
        if let Some(wire) = place.get() {
            return Ok(wire);
        }
        // Someone else in the process may have chosen a provider already: theirs will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let plain = Client::builder().redirect(redirect::Policy::none()).no_proxy().referer(false);
            self.route.take(plain.connect_timeout(self.connect_timeout.0))
        };
        let trusting = if is_plain { None } else { builder().build().ok() };
        let wire = match trusting {
            Some(client) => Wire { client, trusts: true },
            // Plain http works without root certificates, even through a proxy.
            None => Wire {
                client: builder()
                    .tls_certs_only(self.route.trusted())
                    .build()
                    .map_err(|error| HttpError::Connection { host: host.to_owned(), reason: root(&error) })?,
                trusts: false,
            },
        };
        Ok(place.get_or_init(|| wire))
    }

    /// One request and its redirects.
    async fn exchange(&self, request: &Request, limits: &Limits) -> Result<Response, HttpError> {
        let mut current = request.clone();
        for _ in 0..=limits.redirects {
            let response = self.once(&current).await?;
            match redirected(&current, &response)? {
                Some(next) => current = next,
                None => return read(response, &current.host(), limits).await,
            }
        }
        Err(HttpError::Redirect {
            host: request.host(),
            reason: format!("more than {} redirects", limits.redirects),
        })
    }

    async fn once(&self, request: &Request) -> Result<reqwest::Response, HttpError> {
        let host = request.host();
        let wire = self.wire(request.url.scheme(), &host)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = wire.client.request(method, request.url.clone()).headers(headers(request, &host)?);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        builder.send().await.map_err(|error| match error {
            error if error.is_timeout() => HttpError::Timeout { host, limit: self.connect_timeout.to_string() },
            error if self.route.has_proxy() => {
                HttpError::Connection { host, reason: format!("{} (through the proxy)", root(&error)) }
            }
            _ if request.url.scheme() == "https" && !wire.trusts => HttpError::Connection {
                host,
                reason: "this machine has no root certificates to trust an https server by; install `ca-certificates`"
                    .to_owned(),
            },
            error => HttpError::Connection { host, reason: root(&error) },
        })
    }
}

#[async_trait]
impl Http for ReqwestHttp {
    async fn send(&self, request: &Request, limits: &Limits) -> Result<Response, HttpError> {
        match timeout(limits.timeout.0, self.exchange(request, limits)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout { host: request.host(), limit: limits.timeout.to_string() }),
        }
    }
}

fn headers(request: &Request, host: &str) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        let pair =
            HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        let (name, value) = pair.ok_or_else(|| HttpError::Connection {
            host: host.to_owned(),
            reason: format!("the header `{name}` cannot be sent"),
        })?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The request that a redirect asks for, if the answer is one.
fn redirected(request: &Request, response: &reqwest::Response) -> Result<Option<Request>, HttpError> {
    let status = response.status().as_u16();
    let location = response.headers().get("location").map(HeaderValue::as_bytes);
    let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, location) else { return Ok(None) };
    let wrong = |reason: String| HttpError::Redirect { host: request.host(), reason };
    let location = String::from_utf8_lossy(location);
    let url =
        request.url.join(&location).map_err(|error| wrong(format!("a redirect to no URL ({error})")))?;
    let mut next =
        request.follow(url).map_err(|error| wrong(format!("a redirect that is not followed: {error}")))?;
    if status <= 303 && next.method == Method::Post {
        next.method = Method::Get;
        next.body = None;
        next.headers.retain(|(name, _)| name != "content-type");
    }
    Ok(Some(next))
}

/// Reads the answer, no further than the limit, however much it says or decompresses to.
async fn read(mut response: reqwest::Response, host: &str, limits: &Limits) -> Result<Response, HttpError> {
    let too_large = || HttpError::TooLarge { host: host.to_owned(), limit: limits.max_body.to_string() };
    let max = usize::try_from(limits.max_body.0).unwrap_or(usize::MAX);
    let told = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if told > max {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(told);
    while let Some(chunk) = piece(&mut response, host, limits.read_timeout.0).await? {
        if chunk.len() > max - body.len() {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let headers =
        response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    Ok(Response { status: response.status().as_u16(), headers, body: body.into() })
}

async fn piece(
    response: &mut reqwest::Response,
    host: &str,
    limit: Duration,
) -> Result<Option<bytes::Bytes>, HttpError> {
    match timeout(limit, response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => Err(HttpError::Connection {
            host: host.to_owned(),
            reason: format!("the answer broke off: {}", root(&error)),
        }),
        Err(_) => Err(HttpError::Timeout { host: host.to_owned(), limit: Span(limit).to_string() }),
    }
}

/// A header value as text: UTF-8, else byte by byte as Latin-1, which HTTP once meant.
fn text(value: &HeaderValue) -> String {
    std::str::from_utf8(value.as_bytes())
        .map_or_else(|_| value.as_bytes().iter().copied().map(char::from).collect(), str::to_owned)
}

/// The innermost word of the library on what went wrong; it knows no URL. An answer that is no TLS at all comes of an
/// `https` too much.
fn root(error: &reqwest::Error) -> String {
    let mut innermost: Option<&dyn std::error::Error> = error.source();
    while let Some(next) = innermost.and_then(|inner| inner.source()) {
        innermost = Some(next);
    }
    match innermost.map_or_else(|| "no connection".to_owned(), ToString::to_string) {
        said if said.contains("InvalidContentType") => {
            "no TLS is spoken there; write http:// in front if that is meant".to_owned()
        }
        said => said,
    }
}
