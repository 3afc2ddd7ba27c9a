//! One element of a stream, fetched: requests with retries, page after page.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tidegate_core::batch::ElementState;
use tidegate_core::cadence::{Declared, Hints};
use tidegate_core::change::{Fingerprint, Validators};
use tidegate_core::cursor::{self, Window};
use tidegate_core::expr::{Base, Expr};
use tidegate_core::jiff::Timestamp;
use tidegate_core::paginate::{End, PageError, Pager, Step};
use tidegate_core::pipeline::{
    Auth, Incremental, Pipeline, Secrets, Source, Stream, Template, TemplateError, Values,
};
use tidegate_core::request::{self, Element, Request, Response};

use crate::ask::Reply;
use crate::flight::Flight;
use crate::page::{self, Page, Part};
use crate::reading::Reading;
use crate::spill::Shelving;
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
    /// Bytes of the pages that are kept in memory.
    pub(crate) held: u64,
    /// Whether the last page that was put into staging was not there yet.
    pub(crate) writes: bool,
    /// Pages of elements that have changed.
    pub(crate) kept: u32,
    /// When the last answer was received.
    pub(crate) answered: Option<Timestamp>,
    /// What that answer says about its age, its life and our limits.
    pub(crate) hints: Hints,
    /// Why each walk of pages ended.
    pub(crate) ends: Vec<End>,
    /// Newest time of change that an answer as a whole tells.
    pub(crate) modified: Option<Timestamp>,
    /// Jobs whose results were read: the key of each, and what the request that clears it away may name.
    pub(crate) jobs: BTreeMap<String, Values>,
}

/// The answer of an element.
pub(crate) enum Answer {
    /// 304: as it was when its validators were given.
    NotModified,
    /// All its pages, in order; the validators of a sole page; why the windows after these did not come, if so.
    Pages(Vec<Page>, Validators, Option<Error>),
}

/// How a walk of pages came to its end.
enum Walked {
    NotModified,
    /// At the last page; the validators of the first.
    End(Validators),
    /// The API wants us to begin again.
    Reset,
}

/// How often a walk without a cursor begins again.
const RESETS: u32 = 3;

impl Fetch<'_> {
    /// All pages of one element: of one walk, or of one for each window of its cursor. `validators` make the request of a
    /// sole walk conditional; `seq` is the number of the batch that the pages would belong to.
    pub(crate) async fn element(
        &self,
        element: &Element,
        state: Option<&ElementState>,
        validators: &Validators,
        seq: Option<u64>,
    ) -> Result<Answer, Error> {
        let cursor = state.and_then(|state| state.cursor.clone());
        let mut windows = self.windows(cursor.as_ref())?;
        let sole = if windows.len() == 1 { validators.clone() } else { Validators::default() };
        let (mut pages, mut resets, mut from) = (Vec::new(), 0, cursor.clone());
        let mut found = Validators::default();
        for walk in 0u32.. {
            let Some(window) = windows.pop_front() else { break };
            let part = Part { walk, window, seq };
            match self.walk(&element.values, &sole, part, &mut pages).await {
                Ok(Walked::NotModified) => return Ok(Answer::NotModified),
                Ok(Walked::End(validators)) => found = validators,
                Ok(Walked::Reset) => {
                    resets += 1;
                    (windows, from) = self.reset(&mut pages, cursor.as_ref(), from.as_ref(), resets)?;
                }
                // What the windows before brought is good, and the cursor ends with it.
                Err(error) if walk > 0 && resets == 0 => {
                    pages.retain(|page| page.walk < walk);
                    return Ok(Answer::Pages(pages, Validators::default(), Some(error)));
                }
                Err(error) => return Err(error),
            }
        }
        let validators = if pages.len() == 1 { found } else { Validators::default() };
        let fingerprint = Fingerprint::of_pages(pages.iter().map(|page| &page.content.digest));
        if state.is_none_or(|state| state.fingerprint != fingerprint) {
            self.settle(&mut pages, seq).await?;
        }
        Ok(Answer::Pages(pages, validators, None))
    }

    /// What is asked for: everything, or what is newer than the cursor.
    fn windows(&self, cursor: Option<&Value>) -> Result<VecDeque<Window>, Error> {
        let Some(incremental) = &self.stream.incremental else { return Ok([Window::default()].into()) };
        let now = self.env.clock.now();
        let incremental = self.decided(incremental, now)?;
        let windows = cursor::windows(&incremental, cursor, now);
        windows
            .map(VecDeque::from)
            .map_err(|error| Error::Config(format!("stream `{}`: {error}", self.stream.name)))
    }

    /// The bounds of an incremental stream with their expressions evaluated.
    fn decided<'i>(
        &self,
        incremental: &'i Incremental,
        now: Timestamp,
    ) -> Result<Cow<'i, Incremental>, Error> {
        let is_open = |bound: &Option<Value>| bound.as_ref().and_then(Value::as_str).is_some_and(Expr::is_in);
        if !is_open(&incremental.initial_value) && !is_open(&incremental.end_value) {
            return Ok(Cow::Borrowed(incremental));
        }
        let base = self.base(now)?;
        let decide = |bound: &Option<Value>| match bound {
            Some(bound) => Template::render(bound, &base.scope()).map(Some),
            None => Ok(None),
        };
        let wrong = |error: TemplateError| {
            Error::Config(format!("stream `{}`, incremental: {error}", self.stream.name))
        };
        let initial_value = decide(&incremental.initial_value).map_err(wrong)?;
        let end_value = decide(&incremental.end_value).map_err(wrong)?;
        Ok(Cow::Owned(Incremental { initial_value, end_value, ..incremental.clone() }))
    }

    /// Where to go on when paging is to begin again, and the cursor that this is: from the highest so far, if that is not
    /// where the walk began that has just ended (`from`), else from where the poll did.
    fn reset(
        &self,
        pages: &mut Vec<Page>,
        before: Option<&Value>,
        from: Option<&Value>,
        resets: u32,
    ) -> Result<(VecDeque<Window>, Option<Value>), Error> {
        let highest = pages.iter().map(|page| page.marks.cursor.clone()).fold(None, cursor::max);
        let limit = self.pipeline.source.limits.pages;
        match highest.filter(|highest| self.stream.incremental.is_some() && Some(highest) != from) {
            Some(highest) if resets < limit => Ok((self.windows(Some(&highest))?, Some(highest))),
            None if resets < RESETS => {
                pages.clear();
                Ok((self.windows(before)?, before.cloned()))
            }
            _ => Err(Error::Source(format!(
                "stream `{}`: the API asks again and again to begin with the first page; check the rule \
                 `reset_pagination` of `response_actions`",
                self.stream.name
            ))),
        }
    }

    /// The pages of one walk, from the first to the last.
    async fn walk(
        &self,
        values: &Values,
        validators: &Validators,
        part: Part,
        pages: &mut Vec<Page>,
    ) -> Result<Walked, Error> {
        if let Some(job) = &self.stream.job {
            self.job(job, values, part, pages).await?;
            return Ok(Walked::End(Validators::default()));
        }
        let base = self.base(self.env.clock.now())?;
        let mut pager = Pager::new(&self.stream.paginator, self.pipeline.source.limits.pages, &base);
        let mut request =
            pager.first(self.first(values, &part, &base)?).map_err(|error| self.paging(error))?;
        let mut conditional = request.clone();
        conditional.set_validators(validators);
        let Reply::Data(response) = self.ask(&conditional).await? else { return Ok(Walked::Reset) };
        if response.status == 304 && !validators.is_empty() {
            self.tally().not_modified += 1;
            return Ok(Walked::NotModified);
        }
        let validators = response.validators();
        let reading = Arc::new(Reading::of(self, &part));
        let mut looked = reading.beside(response).await?;
        let mut flight = Flight::new(self, reading);
        let mut shelving = Shelving::new(self, part.seq);
        loop {
            let page = page::of(self, &request, looked, pages.len(), &part)?;
            self.tally().note_declared(&page.declared);
            let step = pager
                .next(&request, page.seen(&page.view(&self.stream.paginator)?))
                .map_err(|error| self.paging(error))?;
            pages.push(page);
            shelving.relieve(pages);
            match step {
                Step::End(end) => {
                    self.tally().ends.push(end);
                    shelving.all(pages).await?;
                    return Ok(Walked::End(validators));
                }
                Step::Next(next) => request = next,
            }
            match shelving.beside(flight.answer(&request, &pager), pages).await?? {
                Some(next) => looked = next,
                None => {
                    shelving.all(pages).await?;
                    return Ok(Walked::Reset);
                }
            }
        }
    }

    /// The request for the first page of a part.
    pub(crate) fn first(&self, values: &Values, part: &Part, base: &Base) -> Result<Request, Error> {
        let (source, secrets) = (&self.pipeline.source, &self.env.secrets);
        let built = |values: &Values| {
            let built = request::build(source, self.stream, values, secrets, base);
            built.map_err(|e| Error::Config(self.env.secrets.redact(&e.to_string())))
        };
        let Some(incremental) = &self.stream.incremental else { return built(values) };
        let mut request = built(&part.window.with(values))?;
        for (param, value) in
            [(&incremental.start_param, &part.window.start), (&incremental.end_param, &part.window.end)]
        {
            match (param, value) {
                (None, _) | (Some(_), Value::Null) => {}
                (Some(param), Value::String(text)) => request.set_param(param, text),
                (Some(param), other) => request.set_param(param, &other.to_string()),
            }
        }
        Ok(request)
    }

    /// The credentials of the stream.
    pub(crate) fn auth(&self) -> &Auth {
        self.stream.auth(&self.pipeline.source)
    }

    /// What all expressions may name.
    pub(crate) fn base(&self, now: Timestamp) -> Result<Base, Error> {
        base(&self.pipeline.source, &self.env.secrets, now)
    }

    /// What was asked and got so far.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        // Nothing that holds the lock can panic half-way; and if it did, the numbers would still be usable.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paging(&self, error: PageError) -> Error {
        let message = format!("stream `{}`: {error}", self.stream.name);
        match error {
            PageError::Path { .. } | PageError::Expression { .. } => Error::Config(message),
            _ => Error::Source(message),
        }
    }
}

/// What all expressions of a source may name.
pub(crate) fn base(source: &Source, secrets: &Secrets, now: Timestamp) -> Result<Base, Error> {
    source.base(secrets, now).map_err(|name| {
        Error::Config(format!("source.config: the secret `{name}` has no value; set it and start again"))
    })
}

impl Tally {
    /// Takes in an answer; what it hints at.
    pub(crate) fn note(&mut self, response: &Response, now: Timestamp) -> Hints {
        self.bytes += response.body.len() as u64;
        self.answered = Some(now);
        let headers = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let interval = self.hints.interval;
        self.hints = Hints { interval, ..Hints::from_headers(headers, now) };
        self.modified = self.modified.max(self.hints.last_modified);
        self.hints.clone()
    }

    fn note_declared(&mut self, declared: &Declared) {
        self.hints.interval = self.hints.interval.or(declared.interval);
        self.modified = self.modified.max(declared.updated);
    }

    /// How long it takes until requests are allowed again, where none is left.
    pub(crate) fn limit_reset(&self) -> Option<Duration> {
        let spent = self.hints.remaining.is_some_and(|left| left < 1.0);
        self.hints.reset.filter(|_| spent).and_then(|reset| Duration::try_from_secs_f64(reset).ok())
    }
}
