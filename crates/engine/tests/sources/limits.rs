//! How fast a source is asked: never faster than the limits, whatever is in flight and whoever else asks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::Response;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tidegate_core::error::Kind;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Limits;
use tidegate_core::request::Request;
use tidegate_engine::{Clock as _, Http, HttpError, Outcome};

use crate::api::{Api, TestClock, World, answer, json_answer};

/// When each request came, by the clock of who asks.
type Times = Arc<Mutex<Vec<Timestamp>>>;

/// An API that notes when it is asked.
async fn timed(clock: &TestClock) -> (Api, Times) {
    let times = Times::default();
    let (clock, noted) = (clock.clone(), times.clone());
    let api = Api::serve(move |hit| {
        noted.lock().expect("times").push(clock.now());
        json_answer(&json!([{ "id": hit.number }]))
    })
    .await;
    (api, times)
}

fn world(api: &Api, clock: &TestClock, limits: &Value, stream: &Value) -> World {
    let mut world = World::new(api, &json!({ "limits": limits }), stream);
    world.clock = clock.clone();
    world.env.clock = Arc::new(clock.clone());
    world
}

fn fan_out(count: u32) -> Value {
    json!({ "path": "/{n}", "for_each": { "n": (0..count).collect::<Vec<_>>() } })
}

/// The most requests in any span of so many seconds.
fn most(times: &Times, seconds: i64) -> usize {
    let times = times.lock().expect("times");
    let within = |from: &Timestamp| {
        times
            .iter()
            .filter(|at| *at >= from && at.duration_since(*from).as_millis() < i128::from(seconds) * 1000)
            .count()
    };
    times.iter().map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn no_span_holds_more_requests_than_its_window() {
    let clock = TestClock::new();
    let (api, times) = timed(&clock).await;
    let limits = json!({ "windows": [{ "requests": 5, "per": "10s" }, { "requests": 8, "per": "1m" }], "concurrency": 1 });
    let mut world = world(&api, &clock, &limits, &fan_out(20));
    assert_eq!(world.poll().await.expect("a visit").requests, 20);
    assert_eq!((most(&times, 10), most(&times, 60)), (5, 8));
}

#[tokio::test]
async fn a_request_of_more_weight_takes_more_of_the_window() {
    let clock = TestClock::new();
    let (api, times) = timed(&clock).await;
    let limits = json!({ "windows": [{ "requests": 6, "per": "10s" }], "concurrency": 1 });
    let mut stream = fan_out(9);
    stream["cost"] = json!(3);
    world(&api, &clock, &limits, &stream).poll().await.expect("a visit");
    assert_eq!(most(&times, 10), 2);
}

/// An API that allows five requests a minute, says what is left, and notes whom it had to refuse.
async fn telling(clock: &TestClock, headers: [&'static str; 2]) -> (Api, Arc<Mutex<u32>>) {
    let refused = Arc::new(Mutex::new(0));
    let (clock, noted, window) = (clock.clone(), refused.clone(), Mutex::new((clock.now(), 0u32)));
    let api = Api::serve(move |hit| -> Response<Body> {
        let mut window = window.lock().expect("window");
        let now = clock.now();
        if now.duration_since(window.0).as_secs() >= 60 {
            *window = (now, 0);
        }
        let reset = (60 - now.duration_since(window.0).as_secs()).to_string();
        window.1 += 1;
        if window.1 > 5 {
            *noted.lock().expect("refused") += 1;
            return answer(429, &[("retry-after", &reset)], "");
        }
        let left = (5 - window.1).to_string();
        let json = ("content-type", "application/json");
        answer(
            200,
            &[json, (headers[0], &left), (headers[1], &reset)],
            format!("[{{\"id\":{}}}]", hit.number),
        )
    })
    .await;
    (api, refused)
}

#[tokio::test]
async fn what_the_answers_say_is_left_is_used_up_and_never_asked_beyond() {
    for headers in [
        ["ratelimit-remaining", "ratelimit-reset"],
        ["x-ratelimit-remaining", "x-ratelimit-reset"],
        ["x-rate-limit-remaining", "x-rate-limit-reset"],
    ] {
        for concurrency in [1, 4] {
            let clock = TestClock::new();
            let (api, refused) = telling(&clock, headers).await;
            let mut world = world(&api, &clock, &json!({ "concurrency": concurrency }), &fan_out(23));
            let visit = world.poll().await.expect("a visit");
            assert!(matches!(visit.outcome, Outcome::Staged { records: 23, .. }));
            assert_eq!(
                (*refused.lock().expect("refused"), visit.requests),
                (0, 23),
                "{headers:?} {concurrency}"
            );
        }
    }
}

#[tokio::test]
async fn a_source_that_allows_nothing_for_long_is_left_to_the_schedule() {
    let clock = TestClock::new();
    let api = Api::serve(|hit| {
        let left = 1u32.saturating_sub(hit.number as u32).to_string();
        answer(
            200,
            &[
                ("content-type", "application/json"),
                ("ratelimit-remaining", &left),
                ("ratelimit-reset", "3600"),
            ],
            "[1]",
        )
    })
    .await;
    let mut world = world(&api, &clock, &json!({ "concurrency": 1 }), &fan_out(4));
    let visit = world.poll().await.expect("a visit");
    assert_eq!((visit.requests, visit.failures.len()), (2, 2));
    let error = &visit.failures[0].1;
    assert_eq!((error.kind(), error.retry_at().is_some()), (Kind::Transient, true));
    assert!(error.to_string().contains("allows nothing more until"), "{error}");
}

#[tokio::test]
async fn limits_are_kept_together_by_all_processes_and_one_that_dies_wastes_its_share_alone() {
    for (window, per) in
        [(json!({ "requests": 3, "per": "10s" }), 10), (json!({ "requests": 64, "per": "2m" }), 120)]
    {
        let clock = TestClock::new();
        let (api, times) = timed(&clock).await;
        let limits = json!({ "windows": [window], "shared": true, "concurrency": 1 });
        let first = world(&api, &clock, &limits, &fan_out(7));
        // It asks once and is gone, with its share.
        let mut gone = world(&api, &clock, &limits, &json!({}));
        gone.env = first.env.clone();
        gone.poll().await.expect("a visit");
        drop(gone);
        let mut worlds = [first.twin(), first.twin(), first.twin()];
        let start = clock.now();
        for _ in 0..8 {
            for world in &mut worlds {
                assert!(world.poll().await.expect("a visit").failures.is_empty());
            }
        }
        let allowed = limits["windows"][0]["requests"].as_u64().expect("a number") as usize;
        assert!(most(&times, per) <= allowed, "{} in {per} s", most(&times, per));
        let asked = times.lock().expect("times").len();
        assert_eq!(asked, 1 + 8 * 3 * 7);
        // A poll begins a minute after the last one; else what the limits allow is used.
        let (took, least) =
            (clock.now().duration_since(start).as_secs(), asked as i64 * per / allowed as i64);
        assert!(took <= 2 * least + 24 * 60, "{took} s, {least} s at least");
    }
}

/// A client that answers at once, and notes when it was asked by the clock of who asks.
struct Noting {
    clock: TestClock,
    times: Times,
}

#[async_trait]
impl Http for Noting {
    async fn send(&self, _: &Request, _: &Limits) -> Result<tidegate_core::request::Response, HttpError> {
        let mut times = self.times.lock().expect("times");
        times.push(self.clock.now());
        let body = format!("[{{\"id\":{}}}]", times.len());
        Ok(response(200, ("content-type", "application/json"), body))
    }
}

fn response(status: u16, header: (&str, &str), body: String) -> tidegate_core::request::Response {
    let headers = vec![(header.0.to_owned(), header.1.to_owned())];
    tidegate_core::request::Response { status, headers, body: body.into() }
}

/// A world whose requests go no further than to a client of the test's own.
async fn inside(http: impl Http + 'static, clock: &TestClock, limits: &Value, stream: &Value) -> World {
    let mut world = world(&Api::raw(b"").await, clock, limits, stream);
    world.env.http = Arc::new(http);
    world
}

async fn booked(world: &World) -> usize {
    world.env.staging.list(Some(&"limits".into())).count().await
}

#[tokio::test]
async fn processes_that_book_at_the_same_moment_all_get_their_share() {
    let (clock, times) = (TestClock::new(), Times::default());
    let noting = Noting { clock: clock.clone(), times: times.clone() };
    let limits = json!({ "windows": [{ "requests": 40, "per": "10s" }], "shared": true });
    let first = inside(noting, &clock, &limits, &fan_out(10)).await;
    let mut worlds = [first.twin(), first.twin(), first.twin(), first.twin(), first.twin()];
    worlds.iter_mut().zip(0..).for_each(|(world, seed)| world.env.seed = seed);
    for visit in futures::future::join_all(worlds.iter_mut().map(World::poll)).await {
        assert!(visit.expect("a visit").failures.is_empty());
    }
    assert_eq!(times.lock().expect("times").len(), 50);
    assert!(most(&times, 10) <= 40, "{} in 10 s", most(&times, 10));
    assert!(booked(&first).await <= 9, "what is over is removed");
}

#[tokio::test]
async fn a_queue_is_waited_for_and_a_window_that_stays_full_is_left_to_the_schedule() {
    for (window, asked) in
        [(json!({ "requests": 1, "per": "2m" }), 8), (json!({ "requests": 2, "per": "1d" }), 2)]
    {
        let (clock, times) = (TestClock::new(), Times::default());
        let noting = Noting { clock: clock.clone(), times: times.clone() };
        let limits = json!({ "windows": [window], "concurrency": 4 });
        let visit = inside(noting, &clock, &limits, &fan_out(8)).await.poll().await.expect("a visit");
        assert_eq!((visit.requests, visit.failures.len()), (asked, 8 - asked as usize));
        assert!(visit.failures.iter().all(|(_, error)| error.retry_at().is_some()));
    }
}

#[tokio::test]
async fn nothing_is_booked_that_begins_too_late_to_be_waited_for() {
    let (clock, times) = (TestClock::new(), Times::default());
    let noting = Noting { clock: clock.clone(), times: times.clone() };
    let limits = json!({ "windows": [{ "requests": 2, "per": "1d" }], "shared": true, "concurrency": 1 });
    let mut first = inside(noting, &clock, &limits, &fan_out(4)).await;
    let mut second = first.twin();
    let visit = first.poll().await.expect("a visit");
    assert_eq!((visit.requests, visit.failures.len()), (2, 2));
    let tomorrow = visit.failures[0].1.retry_at().expect("a time").duration_since(clock.now());
    assert!((23..=24).contains(&tomorrow.as_hours()), "{tomorrow:?}");
    let shares = booked(&first).await;
    for world in [&mut first, &mut second] {
        let error = world.poll().await.expect_err("nothing is left");
        assert!(error.kind() == Kind::Transient && error.to_string().contains("not asked"), "{error}");
    }
    assert_eq!(times.lock().expect("times").len(), 2);
    assert_eq!(booked(&first).await, shares);
    assert!(clock.slept().iter().all(|slept| *slept < Duration::from_secs(300)), "{:?}", clock.slept());
    clock.advance(Duration::from_secs(86_400));
    assert_eq!(second.poll().await.expect("a visit").requests, 2);
}

/// A client that refuses the first request as soon as another one waits.
struct Refusing {
    clock: TestClock,
    asked: Arc<Mutex<u32>>,
}

#[async_trait]
impl Http for Refusing {
    async fn send(&self, _: &Request, _: &Limits) -> Result<tidegate_core::request::Response, HttpError> {
        *self.asked.lock().expect("asked") += 1;
        while self.clock.slept().is_empty() {
            tokio::task::yield_now().await;
        }
        Ok(response(429, ("retry-after", "60"), String::new()))
    }
}

#[tokio::test]
async fn who_waits_for_a_share_hears_as_well_that_the_source_wants_to_be_left_alone() {
    let (clock, asked) = (TestClock::new(), Arc::default());
    let refusing = Refusing { clock: clock.clone(), asked: Arc::clone(&asked) };
    let limits = json!({
        "windows": [{ "requests": 1, "per": "10s" }], "shared": true, "concurrency": 2, "attempts": 1,
    });
    let mut world = inside(refusing, &clock, &limits, &fan_out(2)).await;
    let error = world.poll().await.expect_err("refused");
    assert!(error.retry_at().is_some(), "{error}");
    assert_eq!(*asked.lock().expect("asked"), 1);
}

#[tokio::test]
async fn a_burst_goes_at_once_and_then_the_rate_holds() {
    let clock = TestClock::new();
    let (api, times) = timed(&clock).await;
    let limits = json!({ "requests_per_second": 1.0, "burst": 4, "concurrency": 1 });
    world(&api, &clock, &limits, &fan_out(8)).poll().await.expect("a visit");
    let times = times.lock().expect("times");
    let after: Vec<Duration> = times.iter().map(|at| at.duration_since(times[0]).unsigned_abs()).collect();
    assert_eq!(after.iter().map(Duration::as_secs).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 2, 3, 4]);
}
