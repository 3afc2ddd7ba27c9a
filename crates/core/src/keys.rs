//! The name and place of every object tidegate writes. No other file builds a key.
//!
//! Staging:
//! ```text
//! batches/<stream>/<seq>.batch.json       the commit of one poll (created once)
//! pages/<stream>/<seq>/<sha256>.<ext>     one page as it came
//! state/<stream>.json                     advice: last visit, cadence; may be lost
//! tokens/<credentials>/<n>.json          a renewed refresh token, encrypted (created once each)
//! tokens/<credentials>/lease/<n>.json    who renews it now (created once each; overwritten when given back)
//! jobs/<stream>/<digest>.json             a job of the API that is under way; may be lost
//! limits/<n>.json                         what several processes have booked of the source's limits (created once each)
//! budget/source.json                      advice: what is left of the calls that the source allows; may be lost
//! ```
//! Lake:
//! ```text
//! <table>/year=…/…/<load>-0.parquet       data
//! quarantine/<table>/<load>.ndjson        rows that did not fit, with their reason
//! _tidegate/claims/<stream>/<seq>.json    which load a batch belongs to (created once)
//! _tidegate/plans/<load>.json             candidates of a windowed load (created once)
//! _tidegate/loads/<load>.json             the end of a load (created once); <load>.r<k>.json its k-th rewrite
//! _tidegate/rewrites/<load>.r<k>.json     intent of the k-th rewrite (created once; deleted when it has ended)
//! _tidegate/schema/<table>/<version>.json the schema ledger (created once each)
//! _tidegate/retyped/<table>/<version>.json every load of the table has at least this schema version
//! ```
//! Stream and table names are `[a-z0-9_]+`, so none of them needs escaping and `-` and `.` are free as
//! separators. Sequence numbers are padded so that the order of keys is the order of batches.

use std::fmt;

/// The suffix of a batch manifest; the event filter of the staging bucket.
pub const BATCH_SUFFIX: &str = ".batch.json";

/// What is left of the source's budget of calls.
pub const BUDGET: &str = "budget/source.json";

/// The name of a load: unique in a lake, and the stem of its files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct LoadId(pub String);

impl LoadId {
    /// The load of one batch (event mode): `<stream>-<seq>`.
    pub fn of_batch(stream: &str, seq: u64) -> LoadId {
        LoadId(format!("{stream}-{seq:012}"))
    }

    /// The load of the batches of one table in a window that starts at `start`, told apart from a racing
    /// plan with other candidates by `digest` (hex).
    pub fn of_window(table: &str, start: jiff::Timestamp, digest: &str) -> LoadId {
        LoadId(format!("{table}-w{}-{}", start.strftime("%Y%m%dT%H%M%SZ"), &digest[..digest.len().min(12)]))
    }

    /// The stream and sequence number of the one batch of an event-mode load; `None` for a windowed load.
    pub fn batch(&self) -> Option<(&str, u64)> {
        let (stream, seq) = self.0.split_once('-')?;
        Some((stream, parse_seq(seq)?))
    }
}

impl fmt::Display for LoadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prefix of the kept refresh tokens of one set of credentials, named by a digest.
pub fn tokens(credentials: &str) -> String {
    format!("tokens/{credentials}/")
}

/// The kept refresh token of a number; `prefix` is that of [`tokens`].
pub fn token(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:012}.json")
}

/// Prefix of the leases on renewing it.
pub fn token_leases(prefix: &str) -> String {
    format!("{prefix}lease/")
}

/// The number of a kept refresh token.
pub fn parse_token(key: &str) -> Option<u64> {
    let name = key.strip_prefix("tokens/")?.split_once('/')?.1;
    name.strip_suffix(".json")?.parse().ok()
}

/// A job of a stream that is under way; `digest` tells it from the stream's others.
pub fn job(stream: &str, digest: &str) -> String {
    format!("jobs/{stream}/{digest}.json")
}

/// Prefix of what several processes have booked of the source's limits.
pub const LIMITS: &str = "limits/";

/// The `n`-th booking.
pub fn limit(n: u64) -> String {
    format!("{LIMITS}{n:012}.json")
}

/// The number of a booking.
pub fn parse_limit(key: &str) -> Option<u64> {
    key.strip_prefix(LIMITS)?.strip_suffix(".json")?.parse().ok()
}

/// Prefix of the batch manifests of a stream.
pub fn batches(stream: &str) -> String {
    format!("batches/{stream}/")
}

/// The batch manifest of `seq`.
pub fn batch(stream: &str, seq: u64) -> String {
    format!("batches/{stream}/{seq:012}{BATCH_SUFFIX}")
}

/// The stream and sequence number that a batch key names; `None` for any other key.
pub fn parse_batch(key: &str) -> Option<(&str, u64)> {
    let (stream, file) = key.strip_prefix("batches/")?.split_once('/')?;
    Some((stream, parse_seq(file.strip_suffix(BATCH_SUFFIX)?)?))
}

/// A sequence number as keys hold it: twelve digits.
fn parse_seq(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()))
}

/// A page as it came: named by the SHA-256 (hex) of its bytes.
pub fn page(stream: &str, seq: u64, sha256: &str, extension: &str) -> String {
    format!("pages/{stream}/{seq:012}/{sha256}.{extension}")
}

/// The advice document of a stream.
pub fn state(stream: &str) -> String {
    format!("state/{stream}.json")
}

/// Prefix of all claims.
pub const CLAIMS: &str = "_tidegate/claims/";

/// Prefix of the claims of a stream.
pub fn claims(stream: &str) -> String {
    format!("{CLAIMS}{stream}/")
}

/// The claim of one batch.
pub fn claim(stream: &str, seq: u64) -> String {
    format!("{CLAIMS}{stream}/{seq:012}.json")
}

/// The stream and sequence number that a claim key names.
pub fn parse_claim(key: &str) -> Option<(&str, u64)> {
    let (stream, file) = key.strip_prefix(CLAIMS)?.split_once('/')?;
    Some((stream, file.strip_suffix(".json")?.parse().ok()?))
}

/// Prefix of all plans.
pub const PLANS: &str = "_tidegate/plans/";

/// The plan of a windowed load.
pub fn plan(load: &LoadId) -> String {
    format!("{PLANS}{load}.json")
}

/// The load that a plan key names.
pub fn parse_plan(key: &str) -> Option<LoadId> {
    Some(LoadId(key.strip_prefix(PLANS)?.strip_suffix(".json")?.to_owned()))
}

/// Prefix of all load manifests.
pub const LOADS: &str = "_tidegate/loads/";

/// The manifest that ends a load; `revision` counts its rewrites (0 = as first loaded).
pub fn load(load: &LoadId, revision: u32) -> String {
    match revision {
        0 => format!("{LOADS}{load}.json"),
        k => format!("{LOADS}{load}.r{k}.json"),
    }
}

/// The load and revision that a manifest key names.
pub fn parse_load(key: &str) -> Option<(LoadId, u32)> {
    let name = key.strip_prefix(LOADS)?.strip_suffix(".json")?;
    match name.rsplit_once(".r") {
        Some((load, k)) => Some((LoadId(load.to_owned()), k.parse().ok()?)),
        None => Some((LoadId(name.to_owned()), 0)),
    }
}

/// Prefix of the intents of rewrites under way.
pub const REWRITES: &str = "_tidegate/rewrites/";

/// The intent of the `revision`-th rewrite of a load.
pub fn rewrite(load: &LoadId, revision: u32) -> String {
    format!("{REWRITES}{load}.r{revision}.json")
}

/// The load and revision that the key of an intent names.
pub fn parse_rewrite(key: &str) -> Option<(LoadId, u32)> {
    let (load, k) = key.strip_prefix(REWRITES)?.strip_suffix(".json")?.rsplit_once(".r")?;
    Some((LoadId(load.to_owned()), k.parse().ok()?))
}

/// Prefix of the marks of all tables.
pub const RETYPED: &str = "_tidegate/retyped/";

/// The mark that every load of a table has at least this schema version.
pub fn retyped(table: &str, version: u32) -> String {
    format!("{RETYPED}{table}/{version:06}.json")
}

/// Prefix of the schema versions of all tables.
pub const SCHEMAS: &str = "_tidegate/schema/";

/// Prefix of the schema versions of a table.
pub fn schemas(table: &str) -> String {
    format!("{SCHEMAS}{table}/")
}

/// One version of a table's schema.
pub fn schema(table: &str, version: u32) -> String {
    format!("{SCHEMAS}{table}/{version:06}.json")
}

/// The table and version that a schema key names.
pub fn parse_schema(key: &str) -> Option<(&str, u32)> {
    let (table, file) = key.strip_prefix(SCHEMAS)?.split_once('/')?;
    Some((table, file.strip_suffix(".json")?.parse().ok()?))
}

/// Rows of a load that did not fit.
pub fn quarantine(table: &str, load: &LoadId) -> String {
    format!("quarantine/{table}/{load}.ndjson")
}

/// Prefix of everything below a table.
pub fn table(table: &str) -> String {
    format!("{table}/")
}

/// The load that a data file's key names.
pub fn parse_data(key: &str) -> Option<LoadId> {
    let (load, _part) = key.rsplit_once('/')?.1.strip_suffix(".parquet")?.rsplit_once('-')?;
    Some(LoadId(load.to_owned()))
}

/// A data file: `partition` is the escaped Hive path (`year=2026/month=11`), `part` counts the files of one
/// load in one partition.
pub fn data(table: &str, partition: &str, load: &LoadId, part: u32) -> String {
    format!("{table}/{partition}/{load}-{part}.parquet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_back_as_it_was_written() {
        assert_eq!(parse_batch(&batch("weather", 42)), Some(("weather", 42)));
        assert_eq!(parse_batch("batches/weather/42.batch.json"), None);
        assert_eq!(parse_batch("pages/weather/000000000042/ab.json"), None);
        assert_eq!(parse_limit(&limit(7)), Some(7));
        assert_eq!(parse_token(&token(&tokens("ab"), 7)), Some(7));
        assert_eq!(parse_token(&format!("{}7.json", token_leases(&tokens("ab")))), None);
        assert_eq!(parse_claim(&claim("weather", 7)), Some(("weather", 7)));
        assert_eq!(parse_schema(&schema("weather", 3)), Some(("weather", 3)));
        let id = LoadId::of_batch("weather", 1);
        for revision in [0, 1, 12] {
            assert_eq!(parse_load(&load(&id, revision)), Some((id.clone(), revision)));
            assert_eq!(parse_rewrite(&rewrite(&id, revision)), Some((id.clone(), revision)));
        }
        assert_eq!(id.batch(), Some(("weather", 1)));
        let window = LoadId::of_window("weather", jiff::Timestamp::UNIX_EPOCH, "012345678901234");
        assert_eq!(window.batch(), None);
        for id in [id, window] {
            assert_eq!(parse_data(&data("weather", "year=2026", &id, 0)), Some(id.clone()));
            assert_eq!(parse_plan(&plan(&id)), Some(id));
        }
    }

    #[test]
    fn keys_of_batches_sort_as_their_numbers() {
        assert!(batch("s", 9) < batch("s", 10) && batch("s", 99_999) < batch("s", 100_000));
    }
}
