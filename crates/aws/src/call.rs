//! Signed calls to AWS. The dozen operations that tidegate needs are three forms of one request, so they are made
//! here instead of by five SDK crates of which each costs more to build than the rest of the project (see
//! docs/adr/0011-signed-calls.md). The signature is `object_store`'s.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tidegate_core::error::Kind;

/// What a key of S3 keeps as it is in a URL.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// What a value keeps in a form or a query.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// AWS as one account in one region sees it.
#[derive(Clone, Debug)]
pub struct Aws {
    region: String,
    endpoint: Option<String>,
    credential: Arc<AwsCredential>,
    http: HttpClient,
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The service said no.
    #[error("{action}: {code}: {message}")]
    Refused {
        /// The operation, such as `glue StartJobRun`.
        action: String,
        /// HTTP status.
        status: u16,
        /// AWS's code, such as `ConcurrentRunsExceededException`.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// No answer came.
    #[error("{action}: {reason}; check the network, the region and AWS_ENDPOINT_URL")]
    Unreachable {
        /// The operation.
        action: String,
        /// The library's word.
        reason: String,
    },
    /// An answer came that is none.
    #[error("{action}: cannot read the answer: {reason}")]
    Unreadable {
        /// The operation.
        action: String,
        /// Where it stopped making sense.
        reason: String,
    },
}

impl CallError {
    /// What the reader does next.
    pub fn kind(&self) -> Kind {
        match self {
            CallError::Refused { status: 429 | 500.., .. } | CallError::Unreachable { .. } => Kind::Transient,
            CallError::Refused { code, .. } if code.contains("Throttling") => Kind::Transient,
            CallError::Refused { .. } => Kind::Config,
            CallError::Unreadable { .. } => Kind::Internal,
        }
    }

    /// AWS's code, where the service answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            CallError::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl Aws {
    /// AWS in `region`, or whatever answers at `endpoint` in its place.
    pub fn new(region: &str, endpoint: Option<&str>, credential: AwsCredential) -> object_store::Result<Aws> {
        // The first caller installs it for the process; whoever comes later finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(true))?;
        let endpoint = endpoint.map(|url| url.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty());
        Ok(Aws { region: region.to_owned(), endpoint, credential: Arc::new(credential), http })
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The partition of AWS that the region lies in, as ARNs name it.
    pub fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// The client that every call goes through.
    pub fn client(&self) -> &HttpClient {
        &self.http
    }

    fn address(&self, service: &str) -> String {
        let suffix = if self.partition() == "aws-cn" { ".cn" } else { "" };
        let host = || format!("https://{service}.{}.amazonaws.com{suffix}", self.region);
        self.endpoint.clone().unwrap_or_else(host)
    }

    /// An operation of a JSON service: `target` is its full name, such as `AWSGlue.StartJobRun`.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value, CallError> {
        let version =
            if service == "sqs" { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" };
        let headers = [("content-type", version), ("x-amz-target", target)];
        let action = format!("{service} {}", target.rsplit('.').next().unwrap_or(target));
        let body = Bytes::from(body.to_string());
        let answer =
            self.send(service, &action, Method::POST, self.address(service) + "/", &headers, body).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer)
            .map_err(|error| CallError::Unreadable { action, reason: error.to_string() })
    }

    /// An operation of a query service (CloudFormation, STS): parameters in, XML out.
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(String, String)],
    ) -> Result<Bytes, CallError> {
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            form += &format!("&{}={}", utf8_percent_encode(name, VALUE), utf8_percent_encode(value, VALUE));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let named = format!("{service} {action}");
        self.send(service, &named, Method::POST, self.address(service) + "/", &headers, form.into()).await
    }

    /// Runs a function and waits for what it answers.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, CallError> {
        let action = format!("lambda Invoke {function}");
        let function = utf8_percent_encode(function, VALUE);
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.address("lambda"));
        let headers = [("content-type", "application/json")];
        let body = Bytes::from(event.to_string());
        let answer = self.send("lambda", &action, Method::POST, url, &headers, body).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| CallError::Unreadable { action, reason: error.to_string() })
    }

    /// A call of S3. `key` may be empty (the bucket itself); `query` is already encoded.
    pub async fn s3(
        &self,
        method: Method,
        bucket: &str,
        key: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes, CallError> {
        let action = format!("s3 {method} {bucket}/{key}");
        let mut url = format!("{}/{bucket}", self.address("s3"));
        if !key.is_empty() {
            url += &format!("/{}", utf8_percent_encode(key, KEY));
        }
        if !query.is_empty() {
            url += &format!("?{query}");
        }
        self.send("s3", &action, method, url, headers, body).await
    }

    /// A request without a signature to an address that carries its own.
    pub async fn put_presigned(&self, url: &str, body: Bytes) -> Result<(), CallError> {
        let action = "answer CloudFormation";
        let request = build(action, Method::PUT, url.to_owned(), &[], body)?;
        self.execute(action, request).await.map(drop)
    }

    async fn send(
        &self,
        service: &str,
        action: &str,
        method: Method,
        url: String,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes, CallError> {
        let mut request = build(action, method, url, headers, body)?;
        AwsAuthorizer::new(&self.credential, service, &self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| CallError::Unreachable {
                action: action.to_owned(),
                reason: error.to_string(),
            })?;
        self.execute(action, request).await
    }

    async fn execute(&self, action: &str, request: HttpRequest) -> Result<Bytes, CallError> {
        let unreachable = |reason: String| CallError::Unreachable { action: action.to_owned(), reason };
        let response = self.http.execute(request).await.map_err(|error| unreachable(error.to_string()))?;
        let status = response.status();
        let body = response.into_body().bytes().await.map_err(|error| unreachable(error.to_string()))?;
        if status.is_success() { Ok(body) } else { Err(refusal(action, status.as_u16(), &body)) }
    }
}

fn build(
    action: &str,
    method: Method,
    url: String,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<HttpRequest, CallError> {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(HttpRequestBody::from(body))
        .map_err(|error| CallError::Unreachable { action: action.to_owned(), reason: error.to_string() })
}

/// What an answer that is no success says, in JSON or in XML.
fn refusal(action: &str, status: u16, body: &[u8]) -> CallError {
    let (code, message) = json_refusal(body).or_else(|| xml_refusal(body)).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        (format!("HTTP {status}"), if text.is_empty() { "no further word".to_owned() } else { text })
    });
    CallError::Refused { action: action.to_owned(), status, code, message }
}

fn json_refusal(body: &[u8]) -> Option<(String, String)> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("__type").or_else(|| text("code"))?;
    let code = code.rsplit('#').next().unwrap_or(&code).to_owned();
    Some((code, text("message").or_else(|| text("Message")).unwrap_or_default()))
}

fn xml_refusal(body: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(body).ok()?;
    let code = element(text, "Code")?;
    Some((code, element(text, "Message").unwrap_or_default()))
}

/// The text of the first element of that name. Enough for errors, whose form differs from service to service.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    quick_xml::escape::unescape(text).ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_s_refusal_is_understood() {
        let code = |body: &str| refusal("x", 400, body.as_bytes()).code().map(str::to_owned);
        let json = r#"{"__type":"com.amazonaws.glue#ConcurrentRunsExceededException","message":"no"}"#;
        assert_eq!(code(json).as_deref(), Some("ConcurrentRunsExceededException"));
        let s3 =
            "<?xml version='1.0'?><Error><Code>NoSuchBucket</Code><Message>a &lt;b&gt;</Message></Error>";
        assert_eq!(refusal("x", 404, s3.as_bytes()).to_string(), "x: NoSuchBucket: a <b>");
        let cloudformation =
            "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code></Error></ErrorResponse>";
        assert_eq!(code(cloudformation).as_deref(), Some("ValidationError"));
        assert_eq!(code("<html>gone").as_deref(), Some("HTTP 400"));
    }

    #[test]
    fn a_refusal_s_kind_says_whether_to_try_again() {
        assert_eq!(refusal("x", 503, b"").kind(), Kind::Transient);
        assert_eq!(refusal("x", 400, br#"{"__type":"ThrottlingException"}"#).kind(), Kind::Transient);
        assert_eq!(refusal("x", 403, b"").kind(), Kind::Config);
    }
}
