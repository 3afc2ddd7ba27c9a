//! AWS Signature Version 4, as a function of a request and a time.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use tidegate_core::change::{hex, sha256};
use tidegate_core::jiff::Timestamp;
use tidegate_core::request::Request;

/// Whom and what a signature is for.
pub(super) struct Signer<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) key_id: &'a str,
    pub(super) secret_key: &'a str,
}

/// Everything but the unreserved characters of RFC 3986.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same within a path.
const PATH: &AsciiSet = &PLAIN.remove(b'/');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The query with its parameters in order, as it is signed.
pub(super) fn canonical_query(request: &Request) -> String {
    let mut pairs: Vec<(String, String)> =
        request.url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The time as a signature has it.
pub(super) fn stamp(now: Timestamp) -> String {
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

impl Signer<'_> {
    /// The `Authorization` of a request at a time ([`stamp`]) over `headers`, which are lower case and in order.
    pub(super) fn authorization(&self, request: &Request, headers: &[(&str, &str)], time: &str) -> String {
        let day = time.split('T').next().unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let canonical = hex(&sha256(self.canonical(request, headers, &names).as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical}");
        let first = format!("AWS4{}", self.secret_key).into_bytes();
        let key = scope.split('/').fold(first, |key, part| signed(&key, part));
        let signature = hex(&signed(&key, &text));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.key_id
        )
    }

    fn canonical(&self, request: &Request, headers: &[(&str, &str)], names: &str) -> String {
        // S3 takes the path as it is sent; all others want it encoded once more.
        let path = match self.service {
            "s3" => request.url.path().to_owned(),
            _ => utf8_percent_encode(request.url.path(), PATH).to_string(),
        };
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let body = hex(&sha256(request.body.as_deref().unwrap_or_default()));
        let (method, query) = (request.method.word(), canonical_query(request));
        format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{body}")
    }
}

fn signed(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use tidegate_core::pipeline::Method;

    use super::*;

    const TIME: &str = "20150830T123600Z";

    fn get(url: &str) -> Request {
        Request {
            method: Method::Get,
            url: url.parse().expect("a URL"),
            headers: Vec::new(),
            body: None,
            form: false,
            secret_params: Vec::new(),
            secret_body: false,
            away: false,
        }
    }

    fn signature(service: &str, url: &str, headers: &[(&str, &str)]) -> String {
        let secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        Signer { region: "us-east-1", service, key_id: "AKIDEXAMPLE", secret_key }.authorization(
            &get(url),
            headers,
            TIME,
        )
    }

    fn expected(service: &str, headers: &str, signature: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, \
             SignedHeaders={headers}, Signature={signature}"
        )
    }

    /// The values are those that AWS publishes: `get-vanilla` and `get-vanilla-query-order-key-case` of its test suite, and
    /// the request ListUsers of its documentation.
    #[test]
    fn the_published_requests_have_the_published_signatures() {
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", TIME)];
        assert_eq!(
            signature("service", "https://example.amazonaws.com/", &headers),
            expected(
                "service",
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
            )
        );
        assert_eq!(
            signature("service", "https://example.amazonaws.com/?Param2=value2&Param1=value1", &headers),
            expected(
                "service",
                "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
            )
        );
        let headers = [
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", TIME),
        ];
        assert_eq!(
            signature("iam", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", &headers),
            expected(
                "iam",
                "content-type;host;x-amz-date",
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
            )
        );
    }

    #[test]
    fn a_time_and_a_query_are_written_as_aws_wants_them() {
        let time: Timestamp = "2015-08-30T12:36:00.9Z".parse().expect("a time");
        assert_eq!(stamp(time), TIME);
        let mut request = get("https://x.org/?b=1+2&a=%2F~&b=");
        assert_eq!(canonical_query(&request), "a=%2F~&b=&b=1%202");
        request.url.set_query(None);
        assert_eq!(canonical_query(&request), "");
    }
}
