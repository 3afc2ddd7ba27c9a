//! Error handlers and backoff strategies.

use serde_json::{Map, Value, json};

use super::Translator;
use super::component::Component;
use super::jinja::{Slice, Text};
use super::requester::set;

/// What the CDK tries again without being told to, with how long to wait left to a strategy.
const RETRIED: [u16; 6] = [408, 429, 500, 502, 503, 504];

impl Translator<'_> {
    pub(crate) fn error_handler(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        let mut rules = Vec::new();
        self.handler(at, &mut rules);
        if !rules.is_empty() {
            table.insert("response_actions".to_owned(), rules.into());
        }
    }

    fn handler(&mut self, at: &Component<'_>, rules: &mut Vec<Value>) {
        match at.kind() {
            "CompositeErrorHandler" => {
                self.only(at, &["error_handlers"]);
                for handler in at.list("error_handlers") {
                    self.handler(&handler, rules);
                }
            }
            "DefaultErrorHandler" => self.default_handler(at, rules),
            _ => self.unsupported(at),
        }
    }

    fn default_handler(&mut self, at: &Component<'_>, rules: &mut Vec<Value>) {
        self.only(at, &["response_filters", "backoff_strategies", "max_retries", "error_handlers"]);
        for handler in at.list("error_handlers") {
            self.handler(&handler, rules);
        }
        let mut backoff = None;
        for strategy in at.list("backoff_strategies") {
            let found = self.backoff(&strategy);
            backoff = backoff.or(found);
        }
        if let Some(retries) = at.get("max_retries").and_then(|retries| self.known_value(&retries)) {
            self.attempts = self.attempts.max(retries.as_u64().unwrap_or(0).saturating_add(1));
        }
        for filter in at.list("response_filters") {
            self.filter(&filter, backoff.as_ref(), rules);
        }
        if let Some(backoff) = backoff {
            rules.push(json!({ "status_code": RETRIED, "action": "retry", "backoff": backoff }));
        }
    }

    /// A filter holds where one of its conditions does; a rule where all of its do.
    fn filter(&mut self, at: &Component<'_>, backoff: Option<&Value>, rules: &mut Vec<Value>) {
        if at.kind() != "HttpResponseFilter" {
            return self.unsupported(at);
        }
        self.only(
            at,
            &["action", "http_codes", "error_message", "error_message_contains", "predicate", "failure_type"],
        );
        let codes = self.codes(at);
        let action = match at.text("action") {
            Some("SUCCESS") => "success",
            Some("FAIL") => "fail",
            Some("RETRY") => "retry",
            Some("IGNORE") => "ignore",
            Some("RATE_LIMITED") => "rate_limited",
            Some("RESET_PAGINATION") => "reset_pagination",
            Some("REFRESH_TOKEN_THEN_RETRY") => "refresh_token",
            Some(other) => return self.refuse(at, format!("the action {other} is not supported")),
            None if codes.iter().all(|code| RETRIED.contains(code)) && !codes.is_empty() => "retry",
            None => "fail",
        };
        let mut base = Map::new();
        base.insert("action".to_owned(), action.into());
        if let Some(message) = at.text("error_message").filter(|text| !tidegate_core::expr::Expr::is_in(text))
        {
            base.insert("message".to_owned(), message.into());
        }
        if let Some(backoff) = backoff.filter(|_| ["retry", "rate_limited"].contains(&action)) {
            base.insert("backoff".to_owned(), backoff.clone());
        }
        let mut rule = |key: &str, value: Value| {
            let mut rule = base.clone();
            rule.insert(key.to_owned(), value);
            rules.push(rule.into());
        };
        if !codes.is_empty() {
            rule("status_code", codes.into());
        }
        let contained = at.get("error_message_contains").filter(|text| crate::parameters::is_set(text.value));
        if let Some(text) = contained.and_then(|text| self.known_text(&text)) {
            rule("content", text.into());
        }
        if let Some(predicate) = at.get("predicate").filter(|text| crate::parameters::is_set(text.value)) {
            match self.text(&predicate, &Slice::default(), &["response", "headers"]) {
                Some(Text::Open(text)) => rule("when", text.into()),
                Some(Text::Known(value)) if crate::parameters::is_set(&value) => rules.push(base.into()),
                _ => {}
            }
        }
    }

    /// The statuses that a filter is for; anything else in their place is a reason not to run.
    fn codes(&mut self, at: &Component<'_>) -> Vec<u16> {
        let mut codes = Vec::new();
        for code in at.list("http_codes") {
            let Some(value) = self.known_value(&code) else { continue };
            let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
            match number.and_then(|number| u16::try_from(number).ok()) {
                Some(number) if (100..600).contains(&number) => codes.push(number),
                _ => self.refuse(&code, format!("{value} is no HTTP status")),
            }
        }
        codes
    }

    fn backoff(&mut self, at: &Component<'_>) -> Option<Value> {
        match at.kind() {
            "ConstantBackoffStrategy" => {
                self.only(at, &["backoff_time_in_seconds"]);
                let seconds =
                    at.get("backoff_time_in_seconds").and_then(|seconds| self.known_value(&seconds))?;
                Some(json!({ "type": "constant", "wait": millis(seconds.as_f64()?) }))
            }
            "ExponentialBackoffStrategy" => {
                self.only(at, &["factor"]);
                let factor = match at.get("factor") {
                    Some(factor) => self.known_value(&factor)?.as_f64()?,
                    None => 5.0,
                };
                let mut backoff = Map::new();
                set(&mut backoff, &["type"], "exponential".into());
                set(&mut backoff, &["base"], millis(factor).into());
                set(&mut backoff, &["cap"], "10m".into());
                Some(backoff.into())
            }
            "WaitTimeFromHeader" | "WaitUntilTimeFromHeader" => {
                self.only(at, &["header", "regex", "max_waiting_time_in_seconds", "min_wait"]);
                if let Some(regex) = at.text("regex").filter(|regex| !picks_the_number(regex)) {
                    self.refuse(at, format!("the pattern `{regex}` is not supported"));
                }
                let header = at.get("header").and_then(|header| self.known_text(&header))?;
                Some(json!({ "type": "header", "name": header }))
            }
            _ => {
                self.unsupported(at);
                None
            }
        }
    }
}

/// Whether a pattern does no more than pick the number that the header holds.
fn picks_the_number(regex: &str) -> bool {
    regex.chars().all(|c| "()[]0123456789-+.*\\d?^$".contains(c))
}

fn millis(seconds: f64) -> String {
    format!("{}ms", (seconds.clamp(0.0, 86_400.0) * 1000.0).round() as u64)
}
