//! The requests of one element that are under way: the one that its walk has come to, and those of later pages that
//! can be told already. Each answer is read as it comes; they are taken in the order of the walk; one that the walk does
//! not come to is dropped.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt as _};
use tidegate_core::paginate::Pager;
use tidegate_core::request::Request;

use crate::Error;
use crate::ask::Reply;
use crate::fetch::Fetch;
use crate::reading::{Looked, Reading};

/// An answer, read as data; none where paging is to begin again.
type Arrived = Option<Looked>;

type Asking<'a> = Pin<Box<dyn Future<Output = Result<Arrived, Error>> + Send + 'a>>;

/// Requests under way.
pub(crate) struct Flight<'a> {
    fetch: &'a Fetch<'a>,
    reading: Arc<Reading>,
    asked: VecDeque<Request>,
    answers: FuturesOrdered<Asking<'a>>,
}

impl<'a> Flight<'a> {
    pub(crate) fn new(fetch: &'a Fetch<'a>, reading: Arc<Reading>) -> Flight<'a> {
        Flight { fetch, reading, asked: VecDeque::new(), answers: FuturesOrdered::new() }
    }

    /// The answer to the request that the walk has come to; none where paging is to begin again.
    pub(crate) async fn answer(&mut self, request: &Request, pager: &Pager<'_>) -> Result<Arrived, Error> {
        if self.asked.front() != Some(request) {
            self.asked.clear();
            self.answers = FuturesOrdered::new();
            self.send(request.clone());
        }
        let most = usize::try_from(self.fetch.pipeline.source.limits.concurrency).unwrap_or(usize::MAX);
        while self.asked.len() < most {
            let ahead = u32::try_from(self.asked.len()).unwrap_or(u32::MAX);
            let Some(later) = pager.ahead(request, ahead) else { break };
            self.send(later);
        }
        self.asked.pop_front();
        match self.answers.next().await {
            Some(answer) => answer,
            // There is an answer for every request that was sent.
            None => asked(self.fetch, &self.reading, request).await,
        }
    }

    fn send(&mut self, request: Request) {
        let (fetch, reading) = (self.fetch, Arc::clone(&self.reading));
        self.asked.push_back(request.clone());
        self.answers.push_back(Box::pin(async move { asked(fetch, &reading, &request).await }));
    }
}

async fn asked(fetch: &Fetch<'_>, reading: &Arc<Reading>, request: &Request) -> Result<Arrived, Error> {
    match fetch.ask(request).await? {
        Reply::Data(response) => Ok(Some(reading.beside(response).await?)),
        Reply::Reset => Ok(None),
    }
}
