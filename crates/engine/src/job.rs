//! A stream whose records come from asynchronous jobs: create, poll, download. A job that was created is kept in staging
//! until its results are staged, so that whoever goes on, this poll, the next one or another process after a crash, asks
//! for the same job and makes no second one. Losing what is kept costs a job, never a record.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_core::batch;
use tidegate_core::change;
use tidegate_core::cursor::Window;
use tidegate_core::decode::DecodeError;
use tidegate_core::jiff::Timestamp;
use tidegate_core::job::{self, State};
use tidegate_core::keys;
use tidegate_core::paginate::End;
use tidegate_core::pipeline::{Job, JobRequest, Template, Values};
use tidegate_core::request::{self, Request, Response};
use tidegate_core::time::after;

use crate::ask::Reply;
use crate::fetch::Fetch;
use crate::page::{self, Page, Part};
use crate::reading::Reading;
use crate::{Error, documents, objects};

/// A job that was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    created_at: Timestamp,
    /// What it was asked for.
    window: Window,
    creation_response: Value,
    creation_headers: Value,
}

/// Why a job brings nothing.
enum Lost {
    /// It failed, or its results are gone: another one may bring them.
    Over(String),
    /// It is given up.
    GivenUp(Error),
    /// Something else went wrong; the job may go on.
    Error(Error),
}

impl From<Error> for Lost {
    fn from(error: Error) -> Lost {
        Lost::Error(error)
    }
}

/// What one job is about.
struct Run<'a> {
    job: &'a Job,
    kept: Kept,
    values: &'a Values,
    part: &'a Part,
}

impl Fetch<'_> {
    /// The results of a job as pages: of the one that is under way, else of a new one.
    pub(crate) async fn job(
        &self,
        job: &Job,
        values: &Values,
        part: Part,
        pages: &mut Vec<Page>,
    ) -> Result<(), Error> {
        let key = self.job_key(values, &part);
        let before = pages.len();
        let mut found = if part.seq.is_some() { self.kept(job, &key).await? } else { None };
        let mut attempt = 1;
        loop {
            let kept = match found.take() {
                Some(kept) => kept,
                None => self.create(&key, values, &part).await?,
            };
            let part = Part { window: kept.window.clone(), ..part.clone() };
            let run = Run { job, kept, values, part: &part };
            match self.results(&run, pages).await {
                Ok(()) => {
                    let values = run.named(Value::Null, None);
                    let mut tally = self.tally();
                    tally.ends.push(End::Results((pages.len() - before) as u64));
                    tally.jobs.insert(key, values);
                    return Ok(());
                }
                Err(Lost::Error(error)) => return Err(error),
                Err(Lost::GivenUp(error)) => {
                    self.forget(&key, &part).await?;
                    return Err(error);
                }
                Err(Lost::Over(why)) => {
                    self.forget(&key, &part).await?;
                    if attempt >= job.attempts {
                        return Err(self.wrong(&format!("{why} ({attempt} jobs were tried)")));
                    }
                    tracing::info!(stream = self.stream.name, attempt, "another job is created: {why}");
                    pages.truncate(before);
                    attempt += 1;
                }
            }
        }
    }

    /// Where a job is kept: one place for each part of an element, as long as nothing changes in what is asked for.
    fn job_key(&self, values: &Values, part: &Part) -> String {
        let config = batch::config_hash(self.pipeline, self.stream);
        let about = serde_json::to_vec(&(config, values, &part.window.start)).unwrap_or_default();
        keys::job(&self.stream.name, &change::hex(&change::sha256(&about)[..16]))
    }

    /// The job that is under way; none where it is older than any job may get.
    async fn kept(&self, job: &Job, key: &str) -> Result<Option<Kept>, Error> {
        let kept = match documents::read::<Kept>(self.env, self.env.staging.as_ref(), key).await {
            Ok(kept) => kept,
            Err(Error::Damaged { key, reason }) => {
                tracing::warn!(key, reason, "what is kept of a job cannot be read; another one is created");
                None
            }
            Err(error) => return Err(error),
        };
        let kept = kept.filter(|kept| self.env.clock.now() <= after(kept.created_at, job.timeout.0));
        if let Some(kept) = &kept {
            tracing::info!(stream = self.stream.name, created_at = %kept.created_at, "going on with a job");
        }
        Ok(kept)
    }

    async fn create(&self, key: &str, values: &Values, part: &Part) -> Result<Kept, Error> {
        let base = self.base(self.env.clock.now())?;
        let response = match self.ask(&self.first(values, part, &base)?).await? {
            Reply::Data(response) => response,
            Reply::Reset => return Err(self.wrong("a rule answers the creation with `reset_pagination`")),
        };
        let kept = Kept {
            created_at: self.env.clock.now(),
            window: part.window.clone(),
            creation_response: job::value(&response),
            creation_headers: job::headers(&response),
        };
        if part.seq.is_some() {
            documents::overwrite(self.env, self.env.staging.as_ref(), key, &kept).await?;
        }
        Ok(kept)
    }

    async fn forget(&self, key: &str, part: &Part) -> Result<(), Error> {
        match part.seq {
            Some(_) => objects::delete(self.env, self.env.staging.as_ref(), key).await,
            None => Ok(()),
        }
    }

    /// Waits for the end of a job and reads its results. Where they are gone, a second look may tell where they are now.
    async fn results(&self, run: &Run<'_>, pages: &mut Vec<Page>) -> Result<(), Lost> {
        let before = pages.len();
        let last = self.ended(run).await?;
        match self.download(run, last, pages).await {
            Err(Lost::Over(why)) if run.job.urls_path.is_some() => {
                tracing::info!(stream = self.stream.name, "looking again for the results: {why}");
                pages.truncate(before);
                let last = self.ended(run).await?;
                self.download(run, last, pages).await
            }
            other => other,
        }
    }

    /// The last look at a job: the request and its answer, which is empty where there is nothing to read.
    async fn ended(&self, run: &Run<'_>) -> Result<(Request, Response), Lost> {
        let (job, clock) = (run.job, self.env.clock.as_ref());
        let until = after(clock.now(), job.wait.0);
        let deadline = after(run.kept.created_at, job.timeout.0);
        let mut interval = job.interval.0;
        loop {
            let request = self.about(&job.poll, &run.named(Value::Null, None))?;
            let response = self.data(&request).await?;
            let shown = request.shown(&self.env.secrets);
            match job::state(job, &response).map_err(|error| self.wrong(&format!("{shown}: {error}")))? {
                State::Completed => return Ok((request, response)),
                State::Skipped => {
                    return Ok((request, Response { status: 204, body: Bytes::new(), ..response }));
                }
                State::Failed(word) => return Err(Lost::Over(format!("{shown}: the job ended as `{word}`"))),
                State::Running => {}
            }
            let next = after(clock.now(), interval);
            if next > deadline {
                let message = format!(
                    "{shown}: the job has not ended within {}; raise `job.timeout`, or ask for less",
                    job.timeout
                );
                return Err(Lost::GivenUp(self.wrong(&message)));
            }
            if next > until {
                let message = format!("{shown}: the job still runs; the next poll goes on with it");
                return Err(Lost::Error(Error::Unavailable { message, retry_at: Some(next) }));
            }
            clock.sleep(interval).await;
            interval = interval.saturating_mul(2).min(job.max_interval.0.max(job.interval.0));
        }
    }

    /// The answer of a request about a job, with whatever the rules make of it.
    async fn data(&self, request: &Request) -> Result<Response, Error> {
        match self.ask(request).await? {
            Reply::Data(response) => Ok(response),
            Reply::Reset => Err(self.wrong("a rule answers a job's request with `reset_pagination`")),
        }
    }

    /// Reads the results of a job that has ended; `last` is the last look at it.
    async fn download(
        &self,
        run: &Run<'_>,
        last: (Request, Response),
        pages: &mut Vec<Page>,
    ) -> Result<(), Lost> {
        let (request, response) = last;
        let polled = job::value(&response);
        let targets = match (&run.job.urls_path, &run.job.download) {
            _ if response.status == 204 => Vec::new(),
            (Some(path), _) => {
                let wrong = |error: DecodeError| self.wrong(&format!("job.urls_path: {error}"));
                job::urls(path, &response).map_err(wrong)?.into_iter().map(Some).collect()
            }
            (None, Some(_)) => vec![None],
            (None, None) => return Ok(self.page(run, &request, response, pages).await?),
        };
        let limit = self.pipeline.source.limits.pages as usize;
        if targets.len() > limit {
            let message =
                format!("the job has {} results, more than `source.limits.pages` ({limit})", targets.len());
            return Err(Lost::Error(self.wrong(&message)));
        }
        if targets.is_empty() {
            let nothing = Response { status: 204, body: Bytes::new(), ..response };
            return Ok(self.page(run, &request, nothing, pages).await?);
        }
        for target in targets {
            let request = match (&run.job.download, target) {
                (Some(spec), target) => self.about(spec, &run.named(polled.clone(), target))?,
                (None, target) => self.at(&JobRequest::default(), run.values, &target.unwrap_or_default())?,
            };
            let response = self.data(&request).await.map_err(|error| match error {
                Error::Source(message) => Lost::Over(message),
                other => Lost::Error(other),
            })?;
            self.page(run, &request, response, pages).await?;
        }
        Ok(())
    }

    async fn page(
        &self,
        run: &Run<'_>,
        request: &Request,
        response: Response,
        pages: &mut Vec<Page>,
    ) -> Result<(), Error> {
        let looked = Arc::new(Reading::of(self, run.part)).beside(response).await?;
        pages.push(page::of(self, request, looked, pages.len(), run.part)?);
        self.relieve(pages, run.part.seq).await
    }

    /// A request about a job.
    fn about(&self, spec: &JobRequest, values: &Values) -> Result<Request, Error> {
        let base = self.base(self.env.clock.now())?;
        let named = request::with_slice(self.stream, values, base.dialect);
        let path = Template::parse(&spec.path, base.dialect)
            .and_then(|path| path.text(&base.scope().with_all(&named), str::to_owned))
            .map_err(|error| Error::Config(format!("stream `{}`, job: {error}", self.stream.name)))?;
        // An address out of an answer, and not a path with values in it.
        let whole = spec.path.starts_with('{') && path.starts_with('/');
        if whole || path.starts_with("http://") || path.starts_with("https://") {
            return self.at(spec, values, &path);
        }
        self.built(spec, values, &spec.path)
    }

    fn built(&self, spec: &JobRequest, values: &Values, path: &str) -> Result<Request, Error> {
        let base = self.base(self.env.clock.now())?;
        let stream = job::asking(self.stream, spec, path);
        request::build(&self.pipeline.source, &stream, values, &self.env.secrets, &base).map_err(|error| {
            Error::Config(self.env.secrets.redact(&format!("stream `{}`, job: {error}", stream.name)))
        })
    }

    /// The request for an address that the API named. Whatever stands in its query may be a key to it, and is not shown.
    fn at(&self, spec: &JobRequest, values: &Values, address: &str) -> Result<Request, Error> {
        let from = self.built(spec, values, "")?;
        let wrong = |error: String| self.wrong(&format!("the address of a job cannot be followed: {error}"));
        let url = from.url.join(address.trim()).map_err(|error| wrong(error.to_string()))?;
        let mut request = from.follow(url).map_err(|error| wrong(error.to_string()))?;
        let names: Vec<String> = request.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        request.secret_params.extend(names);
        Ok(request)
    }

    fn wrong(&self, message: &str) -> Error {
        Error::Source(format!("stream `{}`: {message}", self.stream.name))
    }

    /// Clears away the jobs whose results are staged, or brought nothing new.
    pub(crate) async fn clear_jobs(&self) -> Result<(), Error> {
        let done = std::mem::take(&mut self.tally().jobs);
        for (key, values) in done {
            // First what says that it is under way: who finds that would look for results that are gone.
            objects::delete(self.env, self.env.staging.as_ref(), &key).await?;
            if let Some(spec) = self.stream.job.as_ref().and_then(|job| job.delete.as_ref()) {
                let asked = match self.about(spec, &values) {
                    Ok(request) => self.ask(&request).await.map(drop),
                    Err(error) => Err(error),
                };
                if let Err(error) = asked {
                    tracing::warn!(stream = self.stream.name, "the job is not cleared away: {error}");
                }
            }
        }
        Ok(())
    }
}

impl Run<'_> {
    /// What the requests about the job may name.
    fn named(&self, polling_response: Value, download_target: Option<String>) -> Values {
        let mut values = self.part.window.with(self.values);
        values.insert("creation_response".to_owned(), self.kept.creation_response.clone());
        values.insert("creation_headers".to_owned(), self.kept.creation_headers.clone());
        values.insert("polling_response".to_owned(), polling_response);
        values.insert("download_target".to_owned(), download_target.into());
        values
    }
}
