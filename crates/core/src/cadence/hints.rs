//! What a server says about its own cadence: headers, parsed leniently, malformed ones ignored.
//!
//! Declared intervals are priors that data overrules. `Retry-After`, the rate limit and `X-Poll-Interval` are floors.
//! Freshness (`max-age`, `Expires`) is a floor only where a shared cache shows itself by an `Age` header: there an
//! earlier poll gets the same copy. Without one the origin may well answer anew, so freshness is a prior.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::time::http_date;

/// Hints of one answer. All spans in seconds from the moment of receipt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hints {
    /// The server's clock (`Date`).
    pub server_time: Option<Timestamp>,
    /// Do not come before (RFC 9110 `Retry-After`, seconds or date).
    pub retry_after: Option<f64>,
    /// Requests left in the current window.
    pub remaining: Option<f64>,
    /// Length of what is left of that window.
    pub reset: Option<f64>,
    /// GitHub's `X-Poll-Interval`.
    pub poll_interval: Option<f64>,
    /// Freshness lifetime (RFC 9111: `s-maxage`, `max-age`, `Expires` less `Date`).
    pub max_age: Option<f64>,
    /// How long a shared cache has held this copy (`Age`); absent when none answered.
    pub age: Option<f64>,
    /// `Last-Modified`.
    pub last_modified: Option<Timestamp>,
    /// An interval the payload declares: GBFS or RSS `ttl` (in seconds), `interval`, `updatePeriod`.
    pub interval: Option<f64>,
}

/// No server means a span beyond a year.
const LONGEST: f64 = 366.0 * 86400.0;

impl Hints {
    /// Reads an answer's headers, received at `received` on our clock. Names in any case.
    pub fn from_headers<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        received: Timestamp,
    ) -> Self {
        let mut hints = Self::default();
        let (mut expires, mut retry, mut reset_at, mut limits) = (None, None, None, Vec::new());
        for (name, value) in headers {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "date" => hints.server_time = http_date(value),
                "retry-after" => retry = Some(value),
                "x-poll-interval" => hints.poll_interval = span(value),
                "age" => hints.age = span(value),
                "expires" => expires = Some(value),
                "cache-control" => hints.max_age = freshness(value).or(hints.max_age),
                "last-modified" => hints.last_modified = http_date(value),
                "ratelimit" => limits.extend(limit_items(value)),
                "ratelimit-remaining" | "x-ratelimit-remaining" | "x-rate-limit-remaining" => {
                    hints.remaining = lower(hints.remaining, number(value));
                }
                "ratelimit-reset"
                | "x-ratelimit-reset"
                | "x-rate-limit-reset"
                | "x-ratelimit-reset-after" => {
                    reset_at = Some(value);
                }
                _ => {}
            }
        }
        // Dates are on the server's clock, so they are measured against its own.
        let clock = hints.server_time.unwrap_or(received);
        hints.retry_after = retry.and_then(|value| span_or_date(value, clock));
        hints.reset = reset_at.and_then(|value| reset(value, clock));
        if hints.max_age.is_none() {
            hints.max_age = expires.and_then(|date| until(date, clock)).filter(|&age| age > 0.0);
        }
        for (remaining, reset) in limits {
            hints.tighten(remaining, reset);
        }
        hints
    }

    /// Seconds that a stream must leave between requests so that the limit lasts until it is reset. A tenth of what
    /// remains is left to others.
    pub(crate) fn spacing(&self) -> Option<f64> {
        let (remaining, reset) = (self.remaining?, self.reset?);
        Some(reset / (remaining * 0.9).floor().max(1.0))
    }

    /// Keeps the stricter of two limits.
    fn tighten(&mut self, remaining: f64, reset: Option<f64>) {
        let other = Self { remaining: Some(remaining), reset, ..Self::default() };
        if other.spacing() >= self.spacing() || self.remaining.is_none() {
            (self.remaining, self.reset) = (other.remaining, other.reset.or(self.reset));
        }
    }

    /// Seconds the server's clock is ahead of ours; differences that `Date`'s whole seconds explain are nil. Some caches
    /// keep the date of the origin's answer, some set their own.
    pub fn skew(&self, received: Timestamp) -> f64 {
        let own = self.server_time.map_or(0.0, |time| time.duration_since(received).as_secs_f64());
        let kept = if self.server_time.is_some() { own + self.age.unwrap_or(0.0) } else { 0.0 };
        let ahead = if kept.abs() < own.abs() { kept } else { own };
        if ahead.abs() < 2.0 { 0.0 } else { ahead }
    }
}

fn lower(held: Option<f64>, new: Option<f64>) -> Option<f64> {
    match (held, new) {
        (Some(held), Some(new)) => Some(held.min(new)),
        (held, new) => held.or(new),
    }
}

fn number(value: &str) -> Option<f64> {
    let digits: String =
        value.trim().chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    digits.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn span(value: &str) -> Option<f64> {
    number(value).filter(|&span| span <= LONGEST)
}

fn until(value: &str, clock: Timestamp) -> Option<f64> {
    let wait = http_date(value)?.duration_since(clock).as_secs_f64();
    Some(wait.clamp(0.0, LONGEST))
}

fn span_or_date(value: &str, clock: Timestamp) -> Option<f64> {
    until(value, clock).or_else(|| span(value))
}

/// A reset is seconds from now, or seconds (or milliseconds) since 1970, or a date.
fn reset(value: &str, clock: Timestamp) -> Option<f64> {
    let now = clock.as_millisecond() as f64 / 1000.0;
    match number(value) {
        Some(large) if large > 1e11 => Some((large / 1000.0 - now).clamp(0.0, LONGEST)),
        Some(large) if large > 1e9 => Some((large - now).clamp(0.0, LONGEST)),
        Some(small) if http_date(value).is_none() => Some(small.min(LONGEST)),
        _ => until(value, clock),
    }
}

/// `s-maxage` before `max-age`; `no-store`, `no-cache` and 0 say nothing.
fn freshness(value: &str) -> Option<f64> {
    let directive = |wanted: &str| {
        value.split(',').find_map(|part| {
            let (name, age) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| span(age.trim().trim_matches('"')))?
        })
    };
    directive("s-maxage").or_else(|| directive("max-age")).filter(|&age| age > 0.0)
}

/// The drafts' `RateLimit`: `limit=100, remaining=50, reset=30`, or `"policy";r=50;t=30`, several separated by commas.
fn limit_items(value: &str) -> Vec<(f64, Option<f64>)> {
    let mut items = Vec::new();
    let (mut remaining, mut reset) = (None, None);
    for part in value.split([',', ';']) {
        let Some((name, text)) = part.split_once('=') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "r" | "remaining" => {
                items.extend(remaining.take().map(|left| (left, reset.take())));
                remaining = number(text);
            }
            "t" | "reset" => reset = span(text),
            _ => {}
        }
    }
    items.extend(remaining.map(|left| (left, reset)));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Hints {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        Hints::from_headers(headers.iter().copied(), now)
    }

    #[test]
    fn every_spelling_of_a_rate_limit_is_understood() {
        let spellings: [&[(&str, &str)]; 7] = [
            &[("RateLimit", "limit=100, remaining=50, reset=30")],
            &[("ratelimit", "\"default\";r=50;t=30")],
            &[("RateLimit", "\"day\";r=900;t=30, \"minute\";r=50;t=30")],
            &[("RateLimit-Remaining", "50"), ("RateLimit-Reset", "30")],
            &[("X-RateLimit-Remaining", "50"), ("X-RateLimit-Reset", "1795435230")],
            &[("X-Rate-Limit-Remaining", "50"), ("X-Rate-Limit-Reset", "1795435230000")],
            &[
                ("x-ratelimit-remaining", "50, 50;w=60"),
                ("x-ratelimit-reset", "Mon, 23 Nov 2026 12:00:30 GMT"),
            ],
        ];
        for headers in spellings {
            let hints = read(headers);
            assert_eq!((hints.remaining, hints.reset), (Some(50.0), Some(30.0)), "{headers:?}");
            assert_eq!(hints.spacing(), Some(30.0 / 45.0));
        }
    }

    #[test]
    fn retry_after_is_a_span_or_a_date_on_the_servers_clock() {
        assert_eq!(read(&[("Retry-After", "120")]).retry_after, Some(120.0));
        let skewed =
            [("Retry-After", "Mon, 23 Nov 2026 13:02:00 GMT"), ("Date", "Mon, 23 Nov 2026 13:00:00 GMT")];
        assert_eq!(read(&skewed).retry_after, Some(120.0));
        assert_eq!(read(&[("Retry-After", "soon")]).retry_after, None);
    }

    #[test]
    fn freshness_prefers_the_shared_lifetime_and_ignores_nothing_said() {
        assert_eq!(read(&[("Cache-Control", "public, max-age=60, s-maxage=\"300\"")]).max_age, Some(300.0));
        assert_eq!(read(&[("Cache-Control", "no-store, max-age=0")]).max_age, None);
        assert_eq!(read(&[("Expires", "Mon, 23 Nov 2026 12:10:00 GMT")]).max_age, Some(600.0));
        assert_eq!(read(&[("Expires", "-1")]).max_age, None);
    }

    #[test]
    fn malformed_headers_are_ignored() {
        let absurd = [
            ("Age", "-5"),
            ("RateLimit", ";;;=,=r"),
            ("X-Poll-Interval", "NaN"),
            ("X-RateLimit-Reset", "99999999999999999999999999"),
            ("Last-Modified", "yesterday"),
            ("Date", "Mon, 99 Foo 2026"),
        ];
        let hints = read(&absurd);
        assert_eq!((hints.age, hints.poll_interval, hints.last_modified), (None, None, None));
    }
}
