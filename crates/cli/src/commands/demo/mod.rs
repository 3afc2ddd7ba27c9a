//! `tidegate demo`: the main job on real data, in half a minute, without the internet.
//!
//! A recorded year of weather is served as an API on loopback, with time compressed (`record.rs`, `api.rs`); a real
//! pipeline file is written (`pipeline.rs`) and run by the same verbs as any other (`race.rs`); at the end the lake is
//! read back and held against what the API has told (`measure.rs`, `summary.rs`).

mod api;
mod learning;
mod measure;
mod pipeline;
mod progress;
mod race;
mod record;
mod summary;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tidegate_core::error::Kind;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::{Secrets, Span};
use tidegate_engine::{Env, ReqwestHttp, Status, SystemClock, open_store, status};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::api::{Api, RecordedTime};
use self::measure::Lake;
use self::progress::Progress;
use self::race::{Race, Tally};
use self::record::Record;
use self::summary::Figures;
use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::PipelineFile;
use crate::runtime::block_on;

/// Fastest that a day's window of observations, polled every few milliseconds, can be followed on a slow disk.
const FASTEST: Span = Span::from_secs(12 * 3600);

/// Show the main job on a recorded year of real weather, served on this machine
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How long to run
    #[arg(long = "for", value_name = "TIME", default_value = "24s")]
    length: Span,
    /// How much of the recorded year passes in a second; 12h at most
    #[arg(long, value_name = "TIME", default_value = "3h")]
    speed: Span,
    /// Where pipeline file, staging and lake go; a folder of an earlier run is gone on with
    #[arg(long, value_name = "DIR", default_value = "tidegate-demo")]
    dir: PathBuf,
    /// Write all figures as JSON to stdout
    #[arg(long)]
    json: bool,
    /// Go on serving the API after the summary, until Ctrl-C, to try the other commands on it
    #[arg(long)]
    serve: bool,
}

/// What the demo works with: the API, the pipeline and its world, and the lake as an earlier run left it.
struct Stage {
    api: Arc<Api>,
    address: String,
    file: PipelineFile,
    env: Env,
    before: Lake,
    started: Timestamp,
}

impl Demo {
    /// Runs the demo.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        if self.speed > FASTEST || self.speed < Span::from_secs(1) {
            return Err(Failure::config(format!("--speed is between 1s and 12h, not {}", self.speed)));
        }
        block_on(self.play(shell))
    }

    async fn play(&self, shell: &Shell) -> Result<(), Failure> {
        let mut stop = stop_on_ctrl_c();
        let stage = self.set().await?;
        shell.say(format_args!(
            "Weather of {} on, as an API: {}, {} of it a second.\nPolled as {} says{}.\n",
            stage.api.now().strftime("%-d %B %Y"),
            stage.address,
            self.speed,
            stage.file.path.display(),
            if stage.before.rows.is_empty() { "" } else { "; going on where the last run ended" },
        ));
        let mut progress = Progress::begin(shell, self.length.0);
        let race = Race {
            api: &stage.api,
            pipeline: &stage.file.pipeline,
            env: &stage.env,
            clock: &SystemClock,
            length: self.length.0,
            until: self.until(&stage),
        };
        let ran = race.run(stage.before.rows.len() as u64, &mut progress, &mut stop).await;
        progress.end();
        let tally = ran?;
        let lake = Lake::read(stage.env.lake.as_ref()).await?;
        let learned = status(&stage.env, &stage.file.pipeline).await?;
        let figures = self.figures(&stage, &tally, &lake, learned);
        let batches = measure::batches(stage.env.staging.as_ref()).await?;
        self.show(batches, &lake, &figures, shell);
        if self.serve {
            shell.say(format_args!("\nThe API goes on at {} until Ctrl-C.", stage.address));
            stop.mark_unchanged();
            let _ = stop.changed().await;
        }
        verdict(&figures)
    }

    /// Starts the API and writes the pipeline file.
    async fn set(&self) -> Result<Stage, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener =
            listener.map_err(|error| Failure::config(format!("cannot listen on 127.0.0.1: {error}")))?;
        let address = listener.local_addr().map_err(|error| Failure::internal(error.to_string()))?;
        let address = format!("http://{address}");
        let speed = self.speed.0.as_secs_f64();
        let path = pipeline::write(&self.dir, &address)?;
        let file = PipelineFile::read(&path, &[])?;
        let mut env = world(&file)?;
        let before = Lake::read(env.lake.as_ref()).await?;
        let record = Record::load();
        let from = before.newest().map_or(record::hour(30), record::all_out);
        if from >= record.end() {
            let dir = self.dir.display();
            return Err(Failure::config(format!("the recorded year is over; delete {dir} to begin it anew")));
        }
        let started = env.clock.now();
        let time = RecordedTime { clock: env.clock.clone(), started, from, speed };
        env.clock = Arc::new(time.clone());
        let api = Arc::new(Api::new(record, time));
        tokio::spawn(axum::serve(listener, api::routes(api.clone())).into_future());
        Ok(Stage { api, address, file, env, before, started })
    }

    /// When the demo ends, in the record's time.
    fn until(&self, stage: &Stage) -> Timestamp {
        let passes = self.length.0.as_secs_f64() * self.speed.0.as_secs_f64();
        let longest = stage.api.record().end() + SignedDuration::from_hours(1);
        let span = SignedDuration::try_from_secs_f64(passes).unwrap_or(SignedDuration::MAX);
        stage.api.began().checked_add(span).map_or(longest, |until| until.min(longest))
    }

    fn figures(&self, stage: &Stage, tally: &Tally, lake: &Lake, learned: Status) -> Figures {
        let served = &tally.served;
        Figures {
            record_from: stage.api.began(),
            record_until: tally.until,
            seconds: tally.ended.duration_since(stage.started).as_secs_f64(),
            polls: tally.counts.polls,
            requests: served.requests,
            not_modified: served.not_modified,
            bytes_fetched: served.bytes,
            changes: tally.counts.changes,
            rows: lake.rows.len() as u64,
            rows_added: lake.rows.len().saturating_sub(stage.before.rows.len()) as u64,
            files: lake.files(),
            partitions: lake.partitions.len() as u64,
            bytes: lake.bytes,
            learning: learning::parts(stage.api.began(), tally),
            cadence: learned.streams.into_iter().next().map(|stream| stream.cadence).unwrap_or_default(),
            verdict: lake.verdict(stage.api.record(), &served.told),
        }
    }

    fn show(&self, batches: u64, lake: &Lake, figures: &Figures, shell: &Shell) {
        if self.json {
            return shell.json(figures);
        }
        shell.line(summary::figures(figures));
        shell.line(learning::table(figures));
        shell.line(format_args!("The newest rows:\n{}\n", summary::newest(lake)));
        shell.line(summary::tree(&self.dir, lake, batches));
        shell.line(format_args!("Try next:\n{}", summary::next(&program(), &self.dir)));
    }
}

/// The pipeline's world: the machine's clock, HTTP, and the stores that the file names.
fn world(file: &PipelineFile) -> Result<Env, Failure> {
    let open = |url: &str| open_store(url, file.dir(), &[]).map_err(Failure::from);
    Ok(Env {
        clock: Arc::new(SystemClock),
        http: Arc::new(ReqwestHttp::new(&file.pipeline.source.limits)),
        staging: open(&file.pipeline.staging)?,
        lake: open(&file.pipeline.lake)?,
        secrets: Arc::new(Secrets::default()),
        seed: 0,
    })
}

/// Exactly once is a promise: a demo that finds it broken fails.
fn verdict(figures: &Figures) -> Result<(), Failure> {
    match (figures.verdict.duplicates, figures.verdict.lost) {
        (0, 0) => Ok(()),
        (twice, lost) => {
            let message =
                format!("{twice} observations are twice in the lake and {lost} are missing from it");
            Err(Failure::Other { kind: Kind::Internal, message })
        }
    }
}

/// How this program was called, for commands to be pasted.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "tidegate".to_owned())
}

/// Turns true at the first Ctrl-C; the second one ends the process at once.
fn stop_on_ctrl_c() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send_replace(true) {
                std::process::exit(130);
            }
        }
    });
    receiver
}
