//! What an answer means: the first rule that fits, else what HTTP says.

use std::time::Duration;

use jiff::Timestamp;

use super::{is_transient, retry_after};
use crate::decode;
use crate::expr::{Base, Written};
use crate::paginate::step::header_table;
use crate::pipeline::{Action, Backoff, Rule};
use crate::request::Response;
use crate::time::http_date;

/// What is to be done with an answer, and the rule that says so, if one does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision<'a> {
    /// What to do.
    pub action: Action,
    /// The rule.
    pub rule: Option<&'a Rule>,
}

/// Decides what an answer means. A rule whose expression cannot be evaluated does not fit.
pub fn decide<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    response: &Response,
    base: &Base,
) -> Decision<'a> {
    match rules.into_iter().find(|rule| fits(rule, response, base)) {
        Some(rule) => Decision { action: rule.action, rule: Some(rule) },
        None => Decision { action: default(response.status), rule: None },
    }
}

fn default(status: u16) -> Action {
    match status {
        200..=205 | 304 => Action::Success,
        401 => Action::RefreshToken,
        429 => Action::RateLimited,
        status if is_transient(status) => Action::Retry,
        _ => Action::Fail,
    }
}

fn fits(rule: &Rule, response: &Response, base: &Base) -> bool {
    let headers = || {
        rule.headers.iter().all(|(name, text)| {
            response.header(&name.to_ascii_lowercase()).is_some_and(|value| value.contains(text.as_str()))
        })
    };
    let content = || {
        let text = rule.content.as_deref().unwrap_or_default().as_bytes();
        memchr::memmem::find(&response.body, text).is_some()
    };
    (rule.status_code.is_empty() || rule.status_code.contains(&response.status))
        && headers()
        && content()
        && rule.path.as_deref().is_none_or(|path| selects(path, response))
        && rule.when.as_ref().is_none_or(|when| holds(when, response, base))
}

/// Whether an expression holds of an answer; a body that is no JSON is null.
fn holds(when: &Written, response: &Response, base: &Base) -> bool {
    let charset = response.charset();
    let body = decode::to_utf8(&response.body, charset.as_deref()).ok();
    let body = body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    let headers = header_table(&response.headers, base.dialect, std::iter::once(&**when));
    let scope = base.scope().with("response", &body).with("headers", &headers);
    when.parsed(base.dialect).is_ok_and(|expr| expr.truth(&scope).unwrap_or(false))
}

/// Whether a path selects something that says yes; a body that is no JSON holds nothing.
fn selects(path: &str, response: &Response) -> bool {
    let charset = response.charset();
    let Ok(body) = decode::to_utf8(&response.body, charset.as_deref()) else { return false };
    let Ok(ranges) = decode::locate(&body, path) else { return false };
    ranges
        .into_iter()
        .any(|range| !matches!(&body[range], b"null" | b"false" | b"0" | b"\"\"" | b"[]" | b"{}"))
}

/// What a wait is counted from: how long the answer wants us to stay away, and the limits of the random wait otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What the answer or the rule says.
    pub after: Option<Duration>,
    /// The first limit of a random wait.
    pub base: Duration,
    /// The highest limit of a random wait.
    pub cap: Duration,
}

impl Default for Pause {
    fn default() -> Pause {
        Pause { after: None, base: super::BASE, cap: super::CAP }
    }
}

/// The pause after an answer, by its rule, else by its `Retry-After`.
pub fn pause(rule: Option<&Rule>, response: &Response, now: Timestamp) -> Pause {
    let told = Pause { after: retry_after(response, now), ..Pause::default() };
    match rule.and_then(|rule| rule.backoff.as_ref()) {
        None => told,
        Some(Backoff::Constant { wait }) => Pause { after: Some(wait.0), ..told },
        Some(Backoff::Exponential { base, cap }) => Pause { after: None, base: base.0, cap: cap.0 },
        Some(Backoff::Header { name }) => {
            let value = response.header(&name.to_ascii_lowercase());
            Pause { after: value.and_then(|value| until(value.trim(), now)).or(told.after), ..told }
        }
    }
}

/// Epoch seconds begin where no one would wait so long: 2001.
const EPOCH: f64 = 1e9;

/// How long it is until what a header says; `None` for zero, the past and nonsense.
fn until(text: &str, now: Timestamp) -> Option<Duration> {
    let seconds = match text.trim_end_matches('s').parse::<f64>() {
        Ok(time) if time >= EPOCH => time - now.as_microsecond() as f64 / 1e6,
        Ok(seconds) => seconds,
        Err(_) => http_date(text)?.duration_since(now).as_secs_f64(),
    };
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Response { status, headers, body: body.to_owned().into() }
    }

    fn base() -> Base {
        Base::new(Timestamp::UNIX_EPOCH)
    }

    fn rules(value: serde_json::Value) -> Vec<Rule> {
        serde_json::from_value(value).expect("rules")
    }

    #[test]
    fn without_a_rule_http_decides() {
        for (status, action) in [
            (200, Action::Success),
            (204, Action::Success),
            (206, Action::Fail),
            (304, Action::Success),
            (302, Action::Fail),
            (401, Action::RefreshToken),
            (403, Action::Fail),
            (408, Action::Retry),
            (429, Action::RateLimited),
            (503, Action::Retry),
        ] {
            assert_eq!(decide([], &response(status, &[], ""), &base()).action, action, "{status}");
        }
    }

    #[test]
    fn the_first_rule_whose_conditions_all_hold_decides() {
        let rules = rules(json!([
            { "status_code": 404, "action": "ignore" },
            { "status_code": [200, 400], "path": "$.error.code", "content": "quota", "action": "rate_limited" },
            { "path": "$.error", "action": "fail", "message": "m" },
            { "headers": { "X-State": "expired" }, "action": "ignore" },
            { "when": "{{ response.code == 17 and headers['x-kind'] == 'soft' }}", "action": "retry" },
        ]));
        let decided = |status, headers: &[(&str, &str)], body| {
            decide(&rules, &response(status, headers, body), &base()).action
        };
        assert_eq!(decided(404, &[], "x"), Action::Ignore);
        assert_eq!(decided(200, &[], r#"{"error":{"code":7,"text":"quota"}}"#), Action::RateLimited);
        assert_eq!(decided(200, &[], r#"{"error":{"code":7}}"#), Action::Fail);
        for fine in ["{}", r#"{"error":null}"#, r#"{"error":false}"#, r#"{"error":""}"#, "[1]", "not JSON"] {
            assert_eq!(decided(200, &[], fine), Action::Success, "{fine}");
        }
        assert_eq!(decided(200, &[("x-state", "token expired")], "{}"), Action::Ignore);
        assert_eq!(decided(200, &[("x-kind", "soft")], r#"{"code":17}"#), Action::Retry);
        assert_eq!(decided(200, &[("x-kind", "hard")], r#"{"code":17}"#), Action::Success);
        assert_eq!(decided(200, &[], r#"{"code":17}"#), Action::Success);
    }

    #[test]
    fn the_wait_comes_from_the_rule_or_from_retry_after() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        let answer = |value: &str| response(429, &[("retry-after", "9"), ("x-reset", value)], "");
        let rule =
            |backoff: serde_json::Value| rules(json!([{ "action": "retry", "backoff": backoff }])).remove(0);
        let after =
            |rule: &Rule, value: &str| pause(Some(rule), &answer(value), now).after.map(|d| d.as_secs());
        let header = rule(json!({ "type": "header", "name": "X-Reset" }));
        for (value, seconds) in [
            ("30", 30),
            ("1795428060", 60),
            ("Mon, 23 Nov 2026 10:02:00 GMT", 120),
            ("2026-11-23T10:00:05Z", 5),
            ("5s", 5),
            ("0", 9),
            ("1700000000", 9),
            ("soon", 9),
        ] {
            assert_eq!(after(&header, value), Some(seconds), "{value}");
        }
        assert_eq!(after(&rule(json!({ "type": "constant", "wait": "7s" })), ""), Some(7));
        let exponential = rule(json!({ "type": "exponential", "base": "2s", "cap": "5s" }));
        let pause = pause(Some(&exponential), &answer(""), now);
        assert_eq!((pause.after, pause.base.as_secs(), pause.cap.as_secs()), (None, 2, 5));
        assert_eq!(super::pause(None, &answer(""), now).after.map(|d| d.as_secs()), Some(9));
    }
}
