//! One element of a stream, fetched: requests with retries, page after page.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_core::cadence::{Declared, Hints};
use tidegate_core::change::Validators;
use tidegate_core::jiff::Timestamp;
use tidegate_core::paginate::{PageError, Pager, Step};
use tidegate_core::pipeline::{Pipeline, Stream, Values};
use tidegate_core::request::{self, Request, Response};
use tidegate_core::retry::{self, Verdict};

use crate::flight::Flight;
use crate::page::{self, Page};
use crate::{Env, Error, Gate};

/// What the fetches of one poll share.
pub(crate) struct Fetch<'a> {
    pub(crate) env: &'a Env,
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) stream: &'a Stream,
    pub(crate) gate: &'a Gate,
    /// Requests, bytes and answers add up here.
    pub(crate) tally: &'a Mutex<Tally>,
}

/// What a poll has asked and got.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) not_modified: u64,
    pub(crate) bytes: u64,
    /// When the last answer was received.
    pub(crate) answered: Option<Timestamp>,
    /// What that answer says about its age, its life and our limits.
    pub(crate) hints: Hints,
    /// Newest time of change that an answer as a whole tells.
    pub(crate) modified: Option<Timestamp>,
}

/// The answer of an element.
pub(crate) enum Answer {
    /// 304: as it was when its validators were given.
    NotModified,
    /// All its pages, in order; the validators of a sole page.
    Pages(Vec<Page>, Validators),
}

impl Fetch<'_> {
    /// All pages of one element. `validators` make the request conditional.
    pub(crate) async fn element(&self, values: &Values, validators: &Validators) -> Result<Answer, Error> {
        let source = &self.pipeline.source;
        let mut pager = Pager::new(&self.stream.paginator, source.limits.pages);
        let secrets = &self.env.secrets;
        let built =
            request::build(source, self.stream, values, secrets).map_err(|e| Error::Config(e.to_string()))?;
        let mut request = pager.first(built).map_err(|error| self.paging(error))?;
        let mut conditional = request.clone();
        conditional.set_validators(validators);
        let mut response = self.ask(&conditional).await?;
        if response.status == 304 && !validators.is_empty() {
            self.tally().not_modified += 1;
            return Ok(Answer::NotModified);
        }
        let validators = response.validators();
        let mut flight = Flight::new(self);
        let mut pages = Vec::new();
        loop {
            let page = page::read(self, &request, response, pages.len())?;
            self.tally().note_declared(&page.declared);
            let step = pager.next(&request, page.seen(&page.utf8()?)).map_err(|error| self.paging(error))?;
            pages.push(page);
            match step {
                Step::End(end) => {
                    tracing::debug!(stream = self.stream.name, pages = pages.len(), "last page: {end}");
                    break;
                }
                Step::Next(next) => request = next,
            }
            response = flight.answer(&request, &pager).await?;
        }
        let validators = if pages.len() == 1 { validators } else { Validators::default() };
        Ok(Answer::Pages(pages, validators))
    }

    /// What was asked and got so far.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        // Nothing that holds the lock can panic half-way; and if it did, the numbers would still be usable.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paging(&self, error: PageError) -> Error {
        let message = format!("stream `{}`: {error}", self.stream.name);
        match error {
            PageError::Path { .. } => Error::Config(message),
            _ => Error::Source(message),
        }
    }

    /// One request, tried again as long as that makes sense.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Response, Error> {
        let limits = &self.pipeline.source.limits;
        let clock = self.env.clock.as_ref();
        for attempt in 1u32.. {
            let permit = self.gate.enter(clock).await?;
            self.tally().requests += 1;
            let outcome = self.env.http.send(request, limits).await;
            drop(permit);
            let now = clock.now();
            let (after, failure) = match outcome {
                Ok(response) if !retry::is_transient(response.status) => {
                    self.gate.succeeded();
                    self.tally().note(&response, now);
                    return Ok(response);
                }
                Ok(response) => {
                    self.tally().note(&response, now);
                    let after = retry::retry_after(&response, now).or_else(|| self.tally().limit_reset());
                    (after, page::refusal(self, request, &response))
                }
                Err(error) if error.kind() != tidegate_core::error::Kind::Transient => {
                    return Err(Error::Http(error));
                }
                Err(error) => (None, error.to_string()),
            };
            let chance = retry::chance(self.env.seed, &self.stream.name, attempt, now);
            match retry::verdict(attempt, limits.attempts, after, now, chance) {
                Verdict::Wait(wait) => {
                    tracing::info!(stream = self.stream.name, attempt, ?wait, "trying again: {failure}");
                    clock.sleep(wait).await;
                }
                Verdict::GiveUp(hold) => return Err(self.give_up(failure, attempt, now, hold)),
            }
        }
        Err(Error::Source("no attempt is allowed; raise source.limits.attempts".to_owned()))
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

impl Tally {
    fn note(&mut self, response: &Response, now: Timestamp) {
        self.bytes += response.body.len() as u64;
        self.answered = Some(now);
        let headers = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let interval = self.hints.interval;
        self.hints = Hints { interval, ..Hints::from_headers(headers, now) };
        self.modified = self.modified.max(self.hints.last_modified);
    }

    fn note_declared(&mut self, declared: &Declared) {
        self.hints.interval = self.hints.interval.or(declared.interval);
        self.modified = self.modified.max(declared.updated);
    }

    /// How long it takes until requests are allowed again, where none is left.
    fn limit_reset(&self) -> Option<Duration> {
        let spent = self.hints.remaining.is_some_and(|left| left < 1.0);
        self.hints.reset.filter(|_| spent).and_then(|reset| Duration::try_from_secs_f64(reset).ok())
    }
}
