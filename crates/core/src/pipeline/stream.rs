//! A stream: one endpoint, how it is asked, and the table it feeds.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::Auth;
use super::incremental::Incremental;
use super::job::Job;
use super::load_spec::Format;
use super::paginator::Paginator;
use super::parent::Parent;
use super::rules::Rule;
use super::short;
use super::source::Source;
use super::transform::Transform;
use crate::cadence::CadenceSpec;
use crate::schema::DeclaredType;

/// One endpoint and the table it feeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Name: lower-case letters, digits and `_`.
    #[schemars(extend("format" = "name"))]
    pub name: String,
    /// Table it feeds; its own name where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "name"))]
    pub table: Option<String>,
    /// What `path` is appended to, in place of the source's `base_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "http-url"))]
    pub base_url: Option<String>,
    /// Path below the source's `base_url`, may hold templates such as `{city.name}`.
    pub path: String,
    /// HTTP method.
    #[serde(default)]
    pub method: Method,
    /// Query parameters; values may hold templates.
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Headers of this stream's requests, over the source's.
    #[serde(default)]
    pub headers: BTreeMap<String, super::Secret>,
    /// Credentials of this stream's requests, in place of the source's; `{ type = "none" }` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// JSON body of the request; strings in it may hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// Fields of a form (`application/x-www-form-urlencoded`), in place of a JSON body; values may hold templates. A list
    /// repeats its field, null leaves it out. What a paginator or a credential puts into the body becomes a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, serde_json::Value>>,
    /// Fan-out: one name and its list; every element is asked for in each poll, with its own validators and
    /// fingerprint. `for_each = { city = [ { name = "Berlin", lat = 52.5 } ] }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub for_each: BTreeMap<String, Vec<serde_json::Value>>,
    /// Asked once for each record of another stream: `parent = "posts"` and `path = "/posts/{parent.id}/comments"`.
    #[serde(default, deserialize_with = "short::or_table_some", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "short::parent")]
    pub parent: Option<Parent>,
    /// Further parents: the stream is asked once for each combination of their records, each of which is named by its `as`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_parents: Vec<Parent>,
    /// Columns added to each record, from templates: `city = "{city.name}"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, serde_json::Value>,
    /// How the answer is decoded; by its content type where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Which members of a zip archive are read: a name (`stops.txt`), or one with `*` (`*.csv`); all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<String>,
    /// JSONPath (RFC 9535) of the records in a page. `$` where absent: an array is its elements, else one record.
    #[serde(default = "default_records")]
    #[schemars(extend("format" = "jsonpath"))]
    pub records: String,
    /// What is done to each record before it becomes a row, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transform: Vec<Transform>,
    /// How further pages are found.
    #[serde(default)]
    pub paginator: Paginator,
    /// An asynchronous job that the request creates, and whose results are the pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// How many requests one of this stream counts as, by `source.limits`.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub cost: u32,
    /// What an answer means where HTTP alone does not say it; the source's rules come after these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_actions: Vec<Rule>,
    /// The record's own time, which partitions it; the time of the poll where absent.
    #[serde(default, deserialize_with = "short::or_table_some", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "short::event_time")]
    pub event_time: Option<EventTime>,
    /// Fields that identify a record. Where given, a record that the previous poll brought with the same content is
    /// not landed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    /// Ask only for what is newer than the last poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incremental: Option<Incremental>,
    /// JSONPaths of values that do not count as a change, such as `$.generated_at`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// How fine the table is partitioned.
    #[serde(default)]
    pub partition_by: PartitionBy,
    /// What happens when data does not fit the table.
    #[serde(default, deserialize_with = "short::or_table")]
    #[schemars(schema_with = "short::contract")]
    pub contract: Contract,
    /// Types of columns that inference must not decide, by field name (`properties.mag` for nested ones).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, DeclaredType>,
    /// When to look.
    #[serde(default, deserialize_with = "short::or_table")]
    #[schemars(schema_with = "short::cadence")]
    pub cadence: CadenceSpec,
}

fn one() -> u32 {
    1
}

fn is_one(cost: &u32) -> bool {
    *cost == 1
}

fn default_records() -> String {
    "$".to_owned()
}

impl Stream {
    /// The table this stream feeds.
    pub fn table(&self) -> &str {
        self.table.as_deref().unwrap_or(&self.name)
    }

    /// The credentials that its requests are sent with.
    pub fn auth<'a>(&'a self, source: &'a Source) -> &'a Auth {
        self.auth.as_ref().unwrap_or(&source.auth)
    }

    /// The parents, in order.
    pub fn parents(&self) -> impl Iterator<Item = &Parent> {
        self.parent.iter().chain(&self.more_parents)
    }
}

/// HTTP method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
    /// DELETE, for what clears a job away.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// The record's own time. Short form: the path alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTime {
    /// Field name (`time`) or dotted path (`properties.time`) within a record.
    #[schemars(extend("format" = "field"))]
    pub path: String,
    /// Unit of a number; guessed from its size where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
    /// strptime format of a text that is neither ISO 8601 nor RFC 2822.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "strptime"))]
    pub format: Option<String>,
    /// IANA time zone of a text without an offset; UTC where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "timezone"))]
    pub timezone: Option<String>,
}

impl FromStr for EventTime {
    type Err = Infallible;

    fn from_str(path: &str) -> Result<EventTime, Infallible> {
        Ok(EventTime { path: path.to_owned(), unit: None, format: None, timezone: None })
    }
}

/// Unit of a number that is a time since 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// How fine a table is partitioned.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PartitionBy {
    /// `year=2026`
    Year,
    /// … `/month=11`
    Month,
    /// … `/day=23`
    Day,
    /// … `/hour=03`
    #[default]
    Hour,
    /// … `/minute=15`
    Minute,
}

/// What happens when data does not fit the table, in dlt's words. Short form: one word for all three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// A table that does not exist yet.
    #[serde(default)]
    pub tables: ContractMode,
    /// A field that the table does not have.
    #[serde(default)]
    pub columns: ContractMode,
    /// A value that does not fit its column's type.
    #[serde(default)]
    pub data_type: ContractMode,
}

impl FromStr for Contract {
    type Err = String;

    fn from_str(word: &str) -> Result<Contract, String> {
        let mode = match word {
            "evolve" => ContractMode::Evolve,
            "freeze" => ContractMode::Freeze,
            "discard_row" => ContractMode::DiscardRow,
            "discard_value" => ContractMode::DiscardValue,
            _ => {
                return Err(format!(
                    "`{word}` is no contract; one of evolve, freeze, discard_row, discard_value"
                ));
            }
        };
        Ok(Contract { tables: mode, columns: mode, data_type: mode })
    }
}

/// One answer to data that does not fit. Whatever is not landed goes to quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContractMode {
    /// Widen the table; what cannot be widened goes to quarantine.
    #[default]
    Evolve,
    /// Stop the load with an error; nothing of it lands.
    Freeze,
    /// Leave the row out.
    DiscardRow,
    /// Leave the value out.
    DiscardValue,
}
