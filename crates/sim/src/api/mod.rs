//! A model of an API: five resources over data that changes with time, and everything that goes wrong with APIs.

mod answers;
mod data;
mod faults;
mod manners;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::pipeline::Limits;
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Http, HttpError};

pub(crate) use answers::{FEED_WINDOW, pipeline};
pub(crate) use data::{CHANGES_FOR, Data};
use faults::Fault;
use manners::Manners;

use crate::process::{Fate, Process};

/// One process's way to the API.
pub(crate) struct ModelApi {
    process: Arc<Process>,
    manners: Mutex<Manners>,
}

impl ModelApi {
    /// The API as seen from a process.
    pub(crate) fn new(process: Arc<Process>) -> ModelApi {
        ModelApi { process, manners: Mutex::default() }
    }

    fn sent(&self, request: &Request) {
        let world = &self.process.world;
        let mut manners = self.manners.lock().expect("nothing panics while it holds the lock");
        if let Err(violation) = manners.request(world.elapsed(), self.process.skew()) {
            world.state().violations.push(format!("{}: {violation}: {}", self.process.name, request.url));
        }
    }

    async fn answer(&self, request: &Request, limits: &Limits) -> Result<Response, HttpError> {
        let world = &self.process.world;
        let fault = Fault::draw(world);
        let latency = Duration::from_millis(world.state().chance.within(5..400));
        tokio::time::sleep(latency).await;
        let response = answers::answer(&world.data, world.elapsed(), request);
        world.count(if response.status == 304 { "304" } else { "200" });
        let Some(fault) = fault else { return Ok(response) };
        world.count(fault.name());
        let result = fault.apply(response, limits, world).await;
        if let Ok(response) = &result {
            let mut manners = self.manners.lock().expect("nothing panics while it holds the lock");
            manners.response(response, world.elapsed(), self.process.skew());
        }
        result
    }
}

#[async_trait]
impl Http for ModelApi {
    async fn send(&self, request: &Request, limits: &Limits) -> Result<Response, HttpError> {
        let fate = self.process.operation().await;
        self.sent(request);
        let result = self.answer(request, limits).await;
        let said = match &result {
            Ok(response) => response.status.to_string(),
            Err(error) => error.to_string(),
        };
        self.process.note(&format!("http {} -> {said}", request.url));
        if fate == Fate::DiesAfter {
            self.process.die().await;
        }
        result
    }
}
