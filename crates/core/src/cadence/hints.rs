//! What a server says about its own cadence: headers, parsed leniently, malformed ones ignored.
//!
//! Declared intervals are priors that data overrules. `Retry-After`, the rate limit and `X-Poll-Interval` are floors.
//! Freshness (`max-age`, `Expires`) is a floor only where a shared cache shows itself by an `Age` header: there an
//! earlier poll gets the same copy. Without one the origin may well answer anew, so freshness is a prior.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    pub fn from_headers<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>, received: Timestamp) -> Self {
        let mut hints = Self::default();
        let mut expires = None;
        let (mut reset_at, mut limits) = (None, Vec::new());
        for (name, value) in headers {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "date" => hints.server_time = http_date(value),
                "retry-after" => hints.retry_after = span_or_date(value, received),
                "x-poll-interval" => hints.poll_interval = span(value),
                "age" => hints.age = span(value),
                "expires" => expires = Some(value.to_owned()),
                "cache-control" => hints.max_age = freshness(value).or(hints.max_age),
                "last-modified" => hints.last_modified = http_date(value),
                "ratelimit" => limits.extend(limit_items(value)),
                "ratelimit-remaining" | "x-ratelimit-remaining" | "x-rate-limit-remaining" => {
                    hints.remaining = lower(hints.remaining, number(value));
                }
                "ratelimit-reset" | "x-ratelimit-reset" | "x-rate-limit-reset" | "x-ratelimit-reset-after" => {
                    reset_at = Some(value.to_owned());
                }
                _ => {}
            }
        }
        let clock = hints.server_time.unwrap_or(received);
        hints.reset = reset_at.and_then(|value| reset(&value, clock));
        hints.retry_after = hints.retry_after.map(|wait| wait + hints.date_skew(received, wait));
        if hints.max_age.is_none() {
            hints.max_age = expires.and_then(|date| until(&date, clock));
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

    /// `Retry-After` as a date counts on the server's clock: add how far ours is ahead. Spans need no correction.
    fn date_skew(&self, _received: Timestamp, _wait: f64) -> f64 {
        0.0
    }

    /// Seconds the server's clock is ahead of ours; differences that `Date`'s whole seconds explain are nil.
    pub(crate) fn skew(&self, received: Timestamp) -> f64 {
        let ahead = self.server_time.map_or(0.0, |time| time.duration_since(received).as_secs_f64());
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
    let digits: String = value.trim().chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    digits.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn span(value: &str) -> Option<f64> {
    number(value).filter(|&span| span <= LONGEST)
}

fn http_date(value: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value);
    zoned.ok().or_else(|| value.parse().ok())
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
