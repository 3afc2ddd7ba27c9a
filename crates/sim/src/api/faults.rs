//! What goes wrong between an API's answer and whoever asked.

use std::time::Duration;

use bytes::Bytes;
use tidegate_core::pipeline::Limits;
use tidegate_core::request::Response;
use tidegate_engine::HttpError;

use crate::world::World;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Connection,
    Timeout,
    Slow,
    ServerError,
    TooMany(&'static str),
    Truncated,
    Html,
    Empty,
    Forbidden,
}

/// `Retry-After` as APIs write it.
const RETRY_AFTER: [&str; 7] =
    ["0", "1", "40", "-5", "100000000000", "Thu, 01 Jan 2026 00:10:00 GMT", "soon"];

impl Fault {
    /// What goes wrong with the next answer, if anything does.
    pub(super) fn draw(world: &World) -> Option<Fault> {
        if !world.fault(world.settings.http_faults) {
            return None;
        }
        let mut state = world.state();
        let header = *state.chance.pick(&RETRY_AFTER);
        let all = [
            Fault::Connection,
            Fault::Timeout,
            Fault::Slow,
            Fault::ServerError,
            Fault::TooMany(header),
            Fault::Truncated,
            Fault::Html,
            Fault::Empty,
            Fault::Forbidden,
        ];
        Some(*state.chance.pick(&all))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Fault::Connection => "connection broken",
            Fault::Timeout => "no answer in time",
            Fault::Slow => "slow answer",
            Fault::ServerError => "5xx",
            Fault::TooMany(_) => "429",
            Fault::Truncated => "truncated body",
            Fault::Html => "HTML instead of JSON",
            Fault::Empty => "empty body",
            Fault::Forbidden => "403",
        }
    }

    /// What comes of a sound answer.
    pub(super) async fn apply(
        self,
        mut response: Response,
        limits: &Limits,
        world: &World,
    ) -> Result<Response, HttpError> {
        let host = || "api.test".to_owned();
        match self {
            Fault::Connection => {
                return Err(HttpError::Connection {
                    host: host(),
                    reason: "connection reset by peer".into(),
                });
            }
            Fault::Timeout => {
                tokio::time::sleep(limits.timeout.0).await;
                return Err(HttpError::Timeout { host: host(), limit: "60s".into() });
            }
            Fault::Slow => tokio::time::sleep(Duration::from_secs(25)).await,
            Fault::ServerError => response = status(*world.state().chance.pick(&[500, 502, 503, 504])),
            Fault::TooMany(after) => {
                response = status(429);
                response.headers.push(("retry-after".into(), after.into()));
            }
            Fault::Truncated => {
                let length = world.state().chance.below(response.body.len().max(1) as u64) as usize;
                response.body = response.body.slice(..length);
            }
            Fault::Html => {
                response = status(200);
                response.headers = vec![("content-type".into(), "text/html".into())];
                response.body = Bytes::from_static(b"<!doctype html><title>Maintenance</title>");
            }
            Fault::Empty => response.body = Bytes::new(),
            Fault::Forbidden => response = status(403),
        }
        Ok(response)
    }
}

fn status(status: u16) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Response { status, headers, body: Bytes::from_static(b"{\"error\": \"try later\"}") }
}
