//! From a source, a stream and the values of one element to a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::{Request, RequestError, form};
use crate::expr::{Base, Expr, Scope};
use crate::pipeline::{Auth, Format, Secret, Secrets, Source, Stream, Template, Values};

/// Everything but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What tidegate calls itself.
pub const USER_AGENT: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

/// The request for the first page of one element. `values` are what templates may name besides `base`.
pub fn build(
    source: &Source,
    stream: &Stream,
    values: &Values,
    secrets: &Secrets,
    base: &Base,
) -> Result<Request, RequestError> {
    let values = super::slice::with(stream, values, base.dialect);
    let scope = &base.scope().with_all(&values);
    let mut request = Request {
        method: stream.method,
        url: url(stream.base_url.as_ref().unwrap_or(&source.base_url), &stream.path, scope)?,
        headers: vec![
            ("user-agent".to_owned(), USER_AGENT.to_owned()),
            ("accept".to_owned(), accept(stream.format).to_owned()),
        ],
        body: None,
        form: false,
        secret_params: Vec::new(),
        secret_body: false,
        away: false,
    };
    params(&mut request, stream, scope, source.has_secret_config())?;
    body(&mut request, stream, scope, source.has_secret_config())?;
    for (place, headers) in [("source.headers", &source.headers), ("headers", &stream.headers)] {
        for (name, value) in headers {
            let place = format!("{place}.{name}");
            // What an expression gives is taken as it is: no reference to a secret is looked for in it.
            let value = if Expr::is_in(&value.0) {
                text(&place, &value.0, scope, str::to_owned)?
            } else {
                reveal(&place, value, secrets)?
            };
            request.set_sound_header(&place, name, value)?;
        }
    }
    authorize(&mut request, stream.auth(source), secrets)?;
    Ok(request)
}

fn accept(format: Option<Format>) -> &'static str {
    match format {
        Some(Format::Json) => "application/json, */*;q=0.5",
        Some(Format::Ndjson) => "application/x-ndjson, */*;q=0.5",
        Some(Format::Csv | Format::CsvSemicolon | Format::CsvPipe) => "text/csv, */*;q=0.5",
        Some(Format::Tsv) => "text/tab-separated-values, */*;q=0.5",
        Some(Format::Zip) => "application/zip, */*;q=0.5",
        Some(Format::Gzip) => "application/gzip, */*;q=0.5",
        Some(Format::Parquet) => "application/vnd.apache.parquet, */*;q=0.5",
        Some(Format::Xml) => "application/xml, text/xml;q=0.9, */*;q=0.5",
        None => "application/json, application/x-ndjson;q=0.9, text/csv;q=0.8, */*;q=0.5",
    }
}

/// The base, then the path below it; a query of the base stays in front of the path's own.
fn url(base: &str, path: &str, scope: &Scope<'_>) -> Result<Url, RequestError> {
    let encode = |text: &str| utf8_percent_encode(text, SEGMENT).to_string();
    let path = text("path", path, scope, encode)?;
    let base = &rendered_base(base, scope)?;
    let wrong =
        |url: &str, reason: &str| RequestError::Url { url: url.to_owned(), reason: reason.to_owned() };
    let mut url = Url::parse(base).map_err(|error| wrong(base, &error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong(base, "it must start with http:// or https:// and a host"));
    }
    if path.starts_with("http://") || path.starts_with("https://") {
        return Err(wrong(&path, "a path is below `source.base_url`, not an address of its own"));
    }
    // A URL cannot hold such a segment, encoded or not: it would walk about in the path.
    if path.split(['/', '?', '#']).any(|segment| matches!(segment, "." | "..")) {
        return Err(wrong(&path, "a path cannot have `.` or `..` between its slashes"));
    }
    let path = path.split('#').next().unwrap_or_default();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    if !path.is_empty() {
        url.set_path(&format!("{}/{}", url.path().trim_end_matches('/'), path.trim_start_matches('/')));
    }
    let queries: Vec<&str> = url.query().into_iter().chain(query).filter(|query| !query.is_empty()).collect();
    let query = queries.join("&");
    url.set_query((!query.is_empty()).then_some(&query));
    url.set_fragment(None);
    Ok(url)
}

fn rendered_base(base: &str, scope: &Scope<'_>) -> Result<String, RequestError> {
    match Expr::is_in(base) {
        true => text("source.base_url", base, scope, str::to_owned),
        false => Ok(base.to_owned()),
    }
}

/// The source's `base_url`, evaluated where it is an expression.
pub fn base_url(source: &Source, base: &Base) -> Result<String, RequestError> {
    rendered_base(&source.base_url, &base.scope())
}

/// A template as text.
fn text(
    place: &str,
    template: &str,
    scope: &Scope<'_>,
    encode: impl Fn(&str) -> String,
) -> Result<String, RequestError> {
    Template::parse(template, scope.dialect())
        .and_then(|template| template.text(scope, encode))
        .map_err(|source| RequestError::Template { place: place.to_owned(), source })
}

/// Adds the query parameters. What an expression takes from a config
/// with secrets counts as a secret.
fn params(
    request: &mut Request,
    stream: &Stream,
    scope: &Scope<'_>,
    secret: bool,
) -> Result<(), RequestError> {
    let mut pairs = Vec::new();
    for (name, value) in &stream.params {
        let place = || format!("params.{name}");
        if secret && names_config(value) {
            request.secret_params.push(name.clone());
        }
        let value = Template::render_field(value, scope)
            .map_err(|source| RequestError::Template { place: place(), source })?;
        pairs.extend(form::pairs(name, value));
    }
    if !pairs.is_empty() {
        request.url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(())
}

/// Whether a value may take something from the config.
fn names_config(value: &serde_json::Value) -> bool {
    value.to_string().contains("config")
}

/// The body or the form. What an expression takes from a config with secrets makes all of it secret.
fn body(request: &mut Request, stream: &Stream, scope: &Scope<'_>, secret: bool) -> Result<(), RequestError> {
    let wrong = |place: String| move |source| RequestError::Template { place, source };
    let written = stream.form.iter().flat_map(|form| form.values()).chain(&stream.body);
    request.secret_body |= secret && written.into_iter().any(names_config);
    if let Some(form) = &stream.form {
        let mut fields = Vec::new();
        for (name, value) in form {
            let value = Template::render_field(value, scope).map_err(wrong(format!("form.{name}")))?;
            fields.extend(form::pairs(name, value));
        }
        request.set_form(fields);
    }
    let Some(body) = &stream.body else { return Ok(()) };
    let body = Template::render(body, scope).map_err(wrong("body".to_owned()))?;
    request.body = Some(body.to_string().into());
    request.set_header("content-type", "application/json".to_owned());
    Ok(())
}

fn reveal(place: &str, secret: &Secret, secrets: &Secrets) -> Result<String, RequestError> {
    secrets.reveal(secret).map_err(|name| RequestError::Secret { place: place.to_owned(), name })
}

/// Puts the credentials in that never change.
fn authorize(request: &mut Request, auth: &Auth, secrets: &Secrets) -> Result<(), RequestError> {
    match auth {
        Auth::None => Ok(()),
        Auth::Bearer { token } => {
            let token = Secret(format!("Bearer {}", token.0));
            let place = "source.auth.token";
            request.set_sound_header(place, "authorization", reveal(place, &token, secrets)?)
        }
        Auth::ApiKey { name, api_key, location } => {
            let value = reveal("source.auth.api_key", api_key, secrets)?;
            request.set_credential(*location, name, &value)
        }
        Auth::HttpBasic { username, password } => {
            let user = reveal("source.auth.username", username, secrets)?;
            let password = reveal("source.auth.password", password, secrets)?;
            let pair = STANDARD.encode(format!("{user}:{password}"));
            secrets.learn(&pair);
            request.set_header("authorization", format!("Basic {pair}"));
            Ok(())
        }
        // What changes from request to request is put in by whoever sends them.
        _ => Ok(()),
    }
}
