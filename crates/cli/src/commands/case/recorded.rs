//! Recorded answers as an HTTP client: no socket is opened.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tidegate_core::pipeline::Limits;
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Http, HttpError};

use super::exchange::{Exchange, method};

/// All exchanges of a case, and what was asked in vain.
pub(super) struct Recorded(Mutex<State>);

struct State {
    exchanges: Vec<Exchange>,
    poll: u32,
    complaints: Vec<String>,
}

impl Recorded {
    /// Reads the folder `responses/`.
    pub(super) fn read(dir: &Path) -> Result<Recorded, String> {
        let entries = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        let mut exchanges = Vec::new();
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let exchange = Exchange::parse(&file, &bytes);
            exchanges.push(exchange.map_err(|reason| format!("{}: {reason}", path.display()))?);
        }
        Ok(Recorded(Mutex::new(State { exchanges, poll: 0, complaints: Vec::new() })))
    }

    /// The number of the last poll.
    pub(super) fn polls(&self) -> u32 {
        self.state().exchanges.iter().map(|exchange| exchange.poll).max().unwrap_or(0)
    }

    /// From now on only the exchanges of this poll are answered.
    pub(super) fn begin(&self, poll: u32) {
        self.state().poll = poll;
    }

    /// Requests that nothing was recorded for.
    pub(super) fn complaints_so_far(&self) -> Vec<String> {
        self.state().complaints.clone()
    }

    /// Requests that nothing was recorded for, and recorded answers that nobody asked for: pages that were skipped.
    pub(super) fn complaints(&self) -> Vec<String> {
        let state = self.state();
        let unasked = state.exchanges.iter().filter(|exchange| !exchange.answered);
        let unasked = unasked
            .map(|exchange| format!("responses/{}: never asked for ({})", exchange.file, exchange.line));
        state.complaints.iter().cloned().chain(unasked).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Http for Recorded {
    async fn send(&self, request: &Request, _: &Limits) -> Result<Response, HttpError> {
        let mut state = self.state();
        state.answer(request).map_err(|reason| {
            if !state.complaints.contains(&reason) {
                state.complaints.push(reason.clone());
            }
            HttpError::Connection { host: request.url.host_str().unwrap_or_default().to_owned(), reason }
        })
    }
}

impl State {
    /// The first answer that is still there for the request; of several that differ in their body or their headers, the
    /// one that fits.
    fn answer(&mut self, request: &Request) -> Result<Response, String> {
        let poll = self.poll;
        let open =
            |exchange: &&mut Exchange| exchange.poll == poll && !exchange.answered && exchange.is_of(request);
        let mut wrong = None;
        for exchange in self.exchanges.iter_mut().filter(open) {
            match exchange.check(request) {
                Ok(()) => {
                    exchange.answered = true;
                    return Ok(exchange.response.clone());
                }
                Err(reason) => wrong = wrong.or(Some(format!("responses/{}: {reason}", exchange.file))),
            }
        }
        Err(wrong.unwrap_or_else(|| self.unknown(request)))
    }

    /// Says that a request is not recorded, and which one is the nearest to it.
    fn unknown(&self, request: &Request) -> String {
        let query = request.url.query().map_or_else(String::new, |query| format!("?{query}"));
        let asked = format!("{} {}{query}", method(request), request.url.path());
        let here = self.exchanges.iter().filter(|exchange| exchange.poll == self.poll);
        let nearest = here.min_by_key(|exchange| strsim::levenshtein(&exchange.line, &asked));
        let nearest = match nearest {
            None => "; this poll has no recorded answer at all".to_owned(),
            Some(exchange) => {
                let used = if exchange.answered { ", which was asked for already" } else { "" };
                format!("; the nearest is {} in responses/{}{used}", exchange.line, exchange.file)
            }
        };
        format!("poll {}: nothing (more) is recorded for {asked}{nearest}", self.poll)
    }
}
