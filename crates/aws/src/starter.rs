//! The starter: events of staged batches in, loads out, here or on Glue.
//!
//! A queue's messages succeed or fail one by one: what failed is answered by its id and comes again, and after five
//! times it lies among the dead letters. Nothing is counted on: an event that comes twice, late or out of order finds
//! its batch loaded.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use object_store::ObjectStore as _;
use object_store::path::Path;
use serde_json::{Value, json};
use tidegate_core::batch::Batch;
use tidegate_core::event::{self, ObjectCreated};
use tidegate_core::pipeline::PartitionBy;
use tidegate_core::{jiff::Timestamp, keys};
use tidegate_engine::{Env, LoadReport, Missing, documents, ledger, load_batch, recover, retype, unloaded};

use crate::call::Aws;
use crate::catalog::{self, Described};
use crate::job::{self, Order};
use crate::metrics::{self, Metric};
use crate::plan::{Work, plan};
use crate::settings::{Mode, Settings};

/// Time kept back at the end of an invocation for the answer.
const RESERVE: Duration = Duration::from_secs(15);
/// Messages of one event from which on more may wait in the queue.
const MANY: usize = 10;
/// Time that a batch may take from staging to its load, the queue's window and a run of the job included. Recovery
/// starts no run for younger ones.
const GRACE: Duration = Duration::from_secs(30 * 60);

/// What the starter works with.
pub struct Starter {
    /// The engine's world.
    pub env: Env,
    /// AWS.
    pub aws: Aws,
    /// Settings of the function.
    pub settings: Settings,
}

/// A message and the batches that it names.
struct Asked {
    /// Id of the message; `None` for an event that came directly.
    id: Option<String>,
    batches: Result<Vec<String>, String>,
}

impl Starter {
    /// Handles one event, whatever its shape. The answer lists the messages that failed; an event that came directly
    /// and failed is an error.
    pub async fn handle(&self, event: &Value, deadline: Timestamp) -> Result<Value, String> {
        let asked = self.asked(event);
        let mut failed: Vec<String> = Vec::new();
        let work = self.work(&asked).await;
        let plan = plan(&self.settings, work, self.queued(asked.len()).await);
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        for key in &plan.here {
            match self.load(key, deadline).await {
                Ok(report) => reports.push(report),
                Err(reason) => failures.push((key.clone(), reason)),
            }
        }
        if !plan.spark.is_empty() {
            let order = if plan.backlog { Order::Missing } else { Order::Batches(&plan.spark) };
            if let Err(reason) = job::start(&self.aws, &self.settings, order).await {
                failures.extend(plan.spark.iter().map(|key| (key.clone(), reason.clone())));
            }
        }
        for (key, reason) in &failures {
            tracing::error!(key, reason, "a batch could not be loaded");
        }
        self.retype(&mut reports).await;
        self.describe(&reports).await;
        if !plan.spark.is_empty() {
            self.describe_all().await;
        }
        self.report(&reports, failures.len(), None);
        for asked in &asked {
            let broken = match &asked.batches {
                Err(reason) => Some(reason.clone()),
                Ok(batches) => {
                    failures.iter().find(|(key, _)| batches.contains(key)).map(|(_, reason)| reason.clone())
                }
            };
            match (broken, &asked.id) {
                (Some(_), Some(id)) => failed.push(id.clone()),
                (Some(reason), None) => return Err(reason),
                (None, _) => {}
            }
        }
        let failed: Vec<Value> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
        Ok(json!({ "batchItemFailures": failed }))
    }

    /// Finishes whatever lost events, crashes and failed runs have left in staging: here, or by a run of the job where
    /// the plan's rules give it such work.
    pub async fn recover(&self) -> Result<Value, String> {
        let streams = self.streams().await.map_err(|error| error.to_string())?;
        if self.left_for_spark(&streams).await? {
            job::start(&self.aws, &self.settings, Order::Missing).await?;
            self.describe_all().await;
            return Ok(json!({ "recovered": 0, "failed": 0, "started": true }));
        }
        let missing = if self.settings.mode == Mode::Glue { Missing::Leave } else { Missing::Load };
        let recovery = recover(&self.env, &streams, missing).await.map_err(|error| error.to_string())?;
        for (subject, error) in &recovery.failures {
            tracing::error!(subject, %error, "could not be recovered");
        }
        self.describe(&recovery.loads).await;
        if self.settings.mode != Mode::Lambda {
            self.describe_all().await;
        }
        self.report(&recovery.loads, recovery.failures.len(), Some(recovery.failures.len()));
        Ok(json!({ "recovered": recovery.loads.len(), "failed": recovery.failures.len() }))
    }

    /// Whether what was left in staging is the job's work: with `glue` anything, with `auto` a large backlog.
    async fn left_for_spark(&self, streams: &[String]) -> Result<bool, String> {
        let most = match self.settings.mode {
            Mode::Lambda => return Ok(false),
            Mode::Glue => 0,
            Mode::Auto => self.settings.glue_batches,
        };
        let staged = unloaded(&self.env, streams).await.map_err(|error| error.to_string())?;
        let now = self.env.clock.now();
        let old = |staged: &&Timestamp| now.duration_since(**staged).unsigned_abs() > GRACE;
        Ok(staged.iter().filter(old).count() > most)
    }

    /// Batches that wait in the queue behind an event of so many messages; 0 where it cannot be told, so that what came
    /// is loaded here.
    async fn queued(&self, messages: usize) -> usize {
        let Some(queue) = self.settings.queue.as_deref() else { return 0 };
        if self.settings.mode != Mode::Auto || messages < MANY {
            return 0;
        }
        let name = "ApproximateNumberOfMessages";
        let body = json!({ "QueueUrl": queue, "AttributeNames": [name] });
        match self.aws.json("sqs", "AmazonSQS.GetQueueAttributes", &body).await {
            Ok(answer) => answer["Attributes"][name].as_str().and_then(|n| n.parse().ok()).unwrap_or(0),
            Err(error) => {
                tracing::error!(%error, "the queue's length is not known");
                0
            }
        }
    }

    /// The streams that have staged anything.
    async fn streams(&self) -> object_store::Result<Vec<String>> {
        let batches = self.env.staging.list_with_delimiter(Some(&Path::parse("batches")?)).await?;
        Ok(batches.common_prefixes.iter().filter_map(|place| place.filename().map(str::to_owned)).collect())
    }

    /// Older files of a table that was widened get its new schema. What fails here is done by the next recovery.
    async fn retype(&self, reports: &mut Vec<LoadReport>) {
        let widened: BTreeSet<String> =
            reports.iter().filter(|report| report.widened).map(|report| report.table.clone()).collect();
        for table in widened {
            match retype(&self.env, &table).await {
                Ok(retyping) => reports.extend(retyping.loads),
                Err(error) => tracing::error!(table, %error, "older files could not be re-typed"),
            }
        }
    }

    fn asked(&self, event: &Value) -> Vec<Asked> {
        let batches = |objects: Vec<ObjectCreated>| {
            let ours = |object: &ObjectCreated| format!("s3://{}", object.bucket) == self.settings.staging;
            let batch = |object: &ObjectCreated| keys::parse_batch(&object.key).is_some();
            objects.into_iter().filter(|o| ours(o) && batch(o)).map(|object| object.key).collect()
        };
        match event::messages(event) {
            Some(messages) => messages
                .into_iter()
                .map(|message| {
                    let objects = event::read(&message.body).map_err(|error| error.to_string());
                    if let Err(reason) = &objects {
                        tracing::error!(message = message.id, reason, "a message cannot be read");
                    }
                    Asked { id: Some(message.id), batches: objects.map(batches) }
                })
                .collect(),
            None => {
                let objects = event::objects(event).map_err(|error| error.to_string());
                vec![Asked { id: None, batches: objects.map(batches) }]
            }
        }
    }

    /// The batches that were asked for, each once, with their sizes where the plan needs them.
    async fn work(&self, asked: &[Asked]) -> Vec<Work> {
        let mut keys: Vec<&String> = asked.iter().flat_map(|asked| asked.batches.iter().flatten()).collect();
        keys.sort();
        keys.dedup();
        let mut work = Vec::with_capacity(keys.len());
        for key in keys {
            let bytes = if self.settings.mode == Mode::Auto { self.size(key).await } else { 0 };
            work.push(Work { key: key.clone(), bytes });
        }
        work
    }

    /// Raw bytes of a batch. What cannot be read counts as small: its load says what is wrong with it.
    async fn size(&self, key: &str) -> u64 {
        match documents::read::<Batch>(&self.env, self.env.staging.as_ref(), key).await {
            Ok(Some(batch)) => batch.pages.iter().map(|page| page.bytes).sum(),
            _ => 0,
        }
    }

    /// One load. A panic takes this batch with it and no other.
    async fn load(&self, key: &str, deadline: Timestamp) -> Result<LoadReport, String> {
        let left = deadline.duration_since(self.env.clock.now());
        if left.is_negative() || left.unsigned_abs() < RESERVE {
            return Err("the invocation ends; the message comes again".to_owned());
        }
        match AssertUnwindSafe(load_batch(&self.env, key)).catch_unwind().await {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("internal error: the loader panicked; report it with the log".to_owned()),
        }
    }

    /// Brings the catalog up to the tables that were written. A catalog that lags is repeated with the next load; the
    /// data is in the lake, so it is no reason to load again.
    async fn describe(&self, reports: &[LoadReport]) {
        let mut tables: Vec<&LoadReport> = reports.iter().filter(|report| !report.table.is_empty()).collect();
        tables.sort_by(|a, b| a.table.cmp(&b.table));
        tables.dedup_by(|a, b| a.table == b.table);
        for report in tables {
            if let Err(reason) = self.describe_table(report).await {
                tracing::error!(table = report.table, reason, "the catalog could not be written");
            }
        }
    }

    async fn describe_table(&self, report: &LoadReport) -> Result<(), String> {
        let manifest = keys::load(&report.load, 0);
        let ended: tidegate_core::load::LoadManifest =
            documents::expect(&self.env, self.env.lake.as_ref(), &manifest)
                .await
                .map_err(|e| e.to_string())?;
        self.describe_as(&report.table, ended.spec.partition_by).await
    }

    /// Brings the catalog up to every table of the lake: runs of the job write tables, but not the catalog.
    async fn describe_all(&self) {
        let tables = async {
            let schemas = Path::parse(keys::SCHEMAS.trim_end_matches('/'))?;
            let found = self.env.lake.list_with_delimiter(Some(&schemas)).await?;
            let name = |place: &Path| place.filename().map(str::to_owned);
            Ok::<Vec<String>, object_store::Error>(found.common_prefixes.iter().filter_map(name).collect())
        };
        let described = async {
            for table in tables.await.map_err(|error| error.to_string())? {
                if let Some(by) =
                    catalog::grain(&self.env, &table).await.map_err(|error| error.to_string())?
                {
                    self.describe_as(&table, by).await?;
                }
            }
            Ok::<(), String>(())
        };
        if let Err(reason) = described.await {
            tracing::error!(reason, "the catalog could not be written");
        }
    }

    async fn describe_as(&self, table: &str, by: PartitionBy) -> Result<(), String> {
        let schema = ledger::current(&self.env, table).await.map_err(|error| error.to_string())?;
        let Some(years) = catalog::years(&self.env, table).await.map_err(|error| error.to_string())? else {
            return Ok(());
        };
        let described = Described { table, schema: &schema, by, lake: &self.settings.lake, years };
        let written = catalog::sync(&self.aws, &self.settings.database, &described)
            .await
            .map_err(|error| error.to_string())?;
        if written {
            tracing::info!(table, version = schema.version, "wrote the table into the catalog");
        }
        Ok(())
    }

    fn report(&self, reports: &[LoadReport], failures: usize, unloaded: Option<usize>) {
        let sum = |of: fn(&LoadReport) -> u64| reports.iter().map(of).sum::<u64>() as f64;
        let metric = |name, value| Metric { name, unit: "Count", value };
        let mut metrics = vec![
            metric("LandedRows", sum(|report| report.rows)),
            metric("QuarantinedRows", sum(|report| report.quarantined)),
            metric("FailedLoads", failures as f64),
        ];
        metrics.extend(unloaded.map(|count| metric("UnloadedBatches", count as f64)));
        metrics::emit(&metrics::line(&self.settings.stack, self.env.clock.now(), &metrics));
    }
}
