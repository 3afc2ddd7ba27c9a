//! One request, tried again as long as that makes sense, and what its answer means.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_core::error::Kind;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::{Action, Rule};
use tidegate_core::request::{Request, Response};
use tidegate_core::retry::{self, Pause, Verdict};

use crate::auth::{self, Authorized, Held};
use crate::fetch::Fetch;
use crate::{Error, HttpError, page};

/// What came of a request.
pub(crate) enum Reply {
    /// An answer to be read as data.
    Data(Response),
    /// Paging is to begin again.
    Reset,
}

/// What is to be done after an answer.
enum Next {
    /// It is over.
    Return(Reply),
    /// Try again with a new token; why.
    Renew(String),
    /// Try again after a pause; why.
    Again(Pause, String),
}

impl Fetch<'_> {
    /// One request, tried again as long as that makes sense.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Reply, Error> {
        let limits = &self.pipeline.source.limits;
        let clock = self.env.clock.as_ref();
        let (mut attempt, mut renewed) = (1, false);
        loop {
            let (outcome, token) = self.send(request).await?;
            let now = clock.now();
            let (pause, failure) = match outcome {
                Ok(response) => match self.meaning(request, response, now)? {
                    Next::Return(reply) => {
                        token.iter().for_each(|token| token.accepted());
                        return Ok(reply);
                    }
                    Next::Renew(failure) => {
                        self.renew(token, renewed, failure, now).await?;
                        renewed = true;
                        continue;
                    }
                    Next::Again(pause, failure) => (pause, failure),
                },
                Err(error) if error.kind() != Kind::Transient => return Err(Error::Http(error)),
                Err(error) => (Pause::default(), error.to_string()),
            };
            let chance = retry::chance(self.env.seed, &self.stream.name, attempt, now);
            match retry::verdict(attempt, limits.attempts, pause, now, chance) {
                Verdict::Wait(wait) => {
                    tracing::info!(stream = self.stream.name, attempt, ?wait, "trying again: {failure}");
                    clock.sleep(wait).await;
                }
                Verdict::GiveUp(hold) => return Err(self.give_up(failure, attempt, now, hold)),
            }
            attempt += 1;
        }
    }

    /// Sends a request at its turn, with the credentials of that moment; the token among them comes back with the answer.
    async fn send(
        &self,
        request: &Request,
    ) -> Result<(Result<Response, HttpError>, Option<Arc<Held>>), Error> {
        let _permit = self.gate.enter(self.env, self.stream.cost).await?;
        let Authorized { request, token } = auth::authorize(self, request).await?;
        self.tally().requests += 1;
        Ok((self.env.http.send(&request, &self.pipeline.source.limits).await, token))
    }

    /// Has the token renewed that a request was refused with; an error where there is no use in that.
    async fn renew(
        &self,
        token: Option<Arc<Held>>,
        renewed: bool,
        failure: String,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(token) = token else { return Err(Error::Source(failure)) };
        if renewed || !self.gate.tokens(self.auth()).refused(&token, now).await {
            return Err(Error::Source(format!(
                "{failure}; a new token was refused as well: see whether these credentials may do this"
            )));
        }
        tracing::info!(stream = self.stream.name, "a new token is got: {failure}");
        Ok(())
    }

    /// What an answer means, by the rules of the stream, of the source and of HTTP.
    fn meaning(&self, request: &Request, response: Response, now: Timestamp) -> Result<Next, Error> {
        let hints = self.tally().note(&response, now);
        self.gate.told(&hints, now);
        let rules = self.stream.response_actions.iter().chain(&self.pipeline.source.response_actions);
        let decision = retry::decide(rules, &response, &self.base(now)?);
        let refusal = || refusal(self, request, &response, decision.rule);
        if !matches!(decision.action, Action::Retry | Action::RateLimited) {
            self.gate.succeeded();
        }
        match decision.action {
            Action::Success => Ok(Next::Return(Reply::Data(response))),
            Action::Ignore => {
                Ok(Next::Return(Reply::Data(Response { status: 204, body: Bytes::new(), ..response })))
            }
            Action::ResetPagination => Ok(Next::Return(Reply::Reset)),
            Action::Fail => Err(Error::Source(refusal())),
            Action::RefreshToken => Ok(Next::Renew(refusal())),
            Action::Retry | Action::RateLimited => {
                let pause = self.pause(decision.rule, &response, now);
                // Where the source says how long, its other requests wait as well.
                let wait =
                    pause.after.and_then(|after| SignedDuration::try_from(after.min(retry::PATIENCE)).ok());
                if let Some(until) = wait.and_then(|wait| now.checked_add(wait).ok()) {
                    self.gate.hold(now, until);
                }
                Ok(Next::Again(pause, refusal()))
            }
        }
    }

    fn pause(&self, rule: Option<&Rule>, response: &Response, now: Timestamp) -> Pause {
        let pause = retry::pause(rule, response, now);
        let told = || {
            if rule.is_some_and(|rule| rule.backoff.is_some()) { None } else { self.tally().limit_reset() }
        };
        Pause { after: pause.after.or_else(told), ..pause }
    }

    fn give_up(&self, failure: String, attempts: u32, now: Timestamp, hold: Option<Timestamp>) -> Error {
        let closed = self.gate.failed(now, hold);
        let tried = if attempts == 1 { String::new() } else { format!(" ({attempts} attempts)") };
        let rest = match closed {
            Some(until) => format!("; the source is left alone until {until:.0}"),
            None => String::new(),
        };
        let message = format!("{failure}{tried}{rest}");
        tracing::warn!(stream = self.stream.name, "{message}");
        Error::Unavailable { message, retry_at: closed.or(hold) }
    }
}

/// What an answer that is no data says, with what its rule has to say.
fn refusal(fetch: &Fetch<'_>, request: &Request, response: &Response, rule: Option<&Rule>) -> String {
    let refusal = page::refusal(fetch, request, response);
    match rule.map(|rule| rule.message.as_deref()) {
        None => refusal,
        Some(None) => format!("{refusal} (a rule of `response_actions` takes it for an error)"),
        Some(Some(message)) => format!("{refusal} ({message})"),
    }
}
