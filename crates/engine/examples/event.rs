//! What the load of one small batch takes of its own, for `cargo xtask bench event`: batches of 2 KiB are staged in a
//! directory and loaded one by one, and the time while no call of a store is under way is ours.
//!
//! ```text
//! event DIRECTORY COUNT     -> measured own=0.81 store=2.95 calls=8.0 (milliseconds and calls of one load, medians)
//! ```

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tidegate_core::pipeline::{Limits, LoadSpec, Secrets};
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Env, Http, HttpError, SystemClock, load_batch, open_store};

/// When calls of the stores were under way.
#[derive(Debug, Default)]
struct Watch {
    under_way: u32,
    since: Option<Instant>,
    spent: Duration,
    calls: u32,
}

/// A store whose calls are watched.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn ObjectStore>,
    watch: Arc<Mutex<Watch>>,
}

#[allow(clippy::disallowed_methods, reason = "what is measured is the time of the machine")]
fn now() -> Instant {
    Instant::now()
}

impl Watched {
    async fn during<T>(&self, call: impl Future<Output = T>) -> T {
        let watch = || self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut watch = watch();
            watch.calls += 1;
            watch.under_way += 1;
            watch.since.get_or_insert_with(now);
        }
        let result = call.await;
        let mut watch = watch();
        watch.under_way -= 1;
        if watch.under_way == 0 {
            let spent = watch.since.take().map_or(Duration::ZERO, |since| now() - since);
            watch.spent += spent;
        }
        result
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[async_trait]
impl ObjectStore for Watched {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.during(self.inner.put_opts(key, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.during(self.inner.put_multipart_opts(key, options)).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.during(self.inner.get_opts(key, options)).await
    }

    async fn get_ranges(&self, key: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.during(self.inner.get_ranges(key, ranges)).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.during(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.during(self.inner.copy_opts(from, to, options)).await
    }
}

/// Nobody is asked.
struct NoApi;

#[async_trait]
impl Http for NoApi {
    async fn send(&self, _: &Request, _: &Limits) -> std::result::Result<Response, HttpError> {
        Err(HttpError::Connection { host: "nowhere".to_owned(), reason: "there is no API".to_owned() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = arguments.first().expect("a directory");
    let count: u64 = arguments.get(1).and_then(|count| count.parse().ok()).expect("how many batches");
    let watch = Arc::new(Mutex::new(Watch::default()));
    let open = |name: &str| {
        let inner = open_store(&format!("file:{name}"), directory.as_ref(), &[])
            .expect("a directory that can be written");
        Arc::new(Watched { inner, watch: Arc::clone(&watch) })
    };
    let env = Env {
        clock: Arc::new(SystemClock),
        http: Arc::new(NoApi),
        staging: open("staging"),
        lake: open("lake"),
        secrets: Arc::new(Secrets::default()),
        seed: 7,
    };
    let mut taken = Vec::new();
    for seq in 1..=count {
        let key = stage(&env, seq).await;
        *watch.lock().unwrap_or_else(PoisonError::into_inner) = Watch::default();
        let start = now();
        load_batch(&env, &key).await.expect("loads");
        let wall = now() - start;
        let watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push((wall - watch.spent, watch.spent, watch.calls));
    }
    let middle = |of: &dyn Fn(&(Duration, Duration, u32)) -> f64| {
        let mut all: Vec<f64> = taken.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let (own, store) = (middle(&|one| one.0.as_secs_f64() * 1e3), middle(&|one| one.1.as_secs_f64() * 1e3));
    println!("measured own={own:.3} store={store:.3} calls={:.0}", middle(&|one| one.2.into()));
}

/// Stages a batch of 2 KiB; its key.
async fn stage(env: &Env, seq: u64) -> String {
    let text = "[[streams]]\nname = \"items\"\npath = \"/items\"\nevent_time = \"time\"\n";
    let text = format!("name = \"event\"\n[source]\nbase_url = \"http://127.0.0.1:1\"\n{text}");
    let pipeline = tidegate_core::pipeline::read(&text, &[]).expect("a good pipeline file");
    let stream = &pipeline.streams[0];
    let spec = serde_json::to_string(&LoadSpec::of(stream, &pipeline.source)).expect("plain");
    let filler = "x".repeat(1900);
    let body = format!("[{{\"time\":\"2026-11-20T03:05:00Z\",\"n\":{seq},\"text\":\"{filler}\"}}]");
    let page = tidegate_core::keys::page("items", seq, "00", "json");
    let batch = format!(
        "{{\"version\":1,\"pipeline\":\"event\",\"stream\":\"items\",\"seq\":{seq},\"polled_at\":\"2026-11-20T03:06:00Z\",\
         \"config_hash\":\"\",\"load\":{spec},\"pages\":[{{\"key\":\"{page}\",\"number\":0,\"request\":\"GET /items\",\
         \"status\":200,\"fetched_at\":\"2026-11-20T03:06:00Z\",\"bytes\":{},\"sha256\":\"00\",\"format\":\"json\",\
         \"records\":1}}],\"checkpoint\":{{\"elements\":{{}}}}}}",
        body.len()
    );
    let key = tidegate_core::keys::batch("items", seq);
    for (key, text) in [(page, body), (key.clone(), batch)] {
        env.staging.put(&Path::from(key.as_str()), text.into_bytes().into()).await.expect("stages");
    }
    key
}
