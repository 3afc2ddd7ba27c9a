//! The end of the demo: its figures, the newest rows, the folder in short, and what to try next.

use std::fmt::Write as _;
use std::path::Path;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use serde_json::Value;
use tidegate_core::jiff::Timestamp;

use super::learning::Part;
use super::measure::{Count, Lake, LakeRow, Verdict};
use crate::words;

/// Newest rows that are shown.
const NEWEST: usize = 6;

/// All figures of a run. Each is counted or read back; none is assumed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    /// The part of the recorded year that passed.
    pub(super) record_from: Timestamp,
    pub(super) record_until: Timestamp,
    /// Seconds it took.
    pub(super) seconds: f64,
    /// Polls of the stream, each of three requests.
    pub(super) polls: u64,
    /// Requests that the API has answered, and those of them with 304 Not Modified.
    pub(super) requests: u64,
    pub(super) not_modified: u64,
    /// Bytes of the bodies that the API has sent.
    pub(super) bytes_fetched: u64,
    /// Batches staged: polls that found something new.
    pub(super) changes: u64,
    /// Rows, files, partitions and bytes of the lake.
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) partitions: u64,
    pub(super) bytes: u64,
    /// Rows that this run has added.
    pub(super) rows_added: u64,
    /// How the cadence was learned, part by part, and what is known of it at the end.
    pub(super) learning: Vec<Part>,
    pub(super) cadence: String,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
}

/// The table of figures.
pub(super) fn figures(f: &Figures) -> String {
    let day = |at: Timestamp| at.strftime("%-d %B %Y %H:%M").to_string();
    let lines = [
        (
            "2013, in short",
            format!("{} to {} UTC in {:.0} s", day(f.record_from), day(f.record_until), f.seconds),
        ),
        ("polls", format!("{}, {} of them found a change", number(f.polls), number(f.changes))),
        ("requests", format!("{}, {} answered 304 Not Modified", number(f.requests), number(f.not_modified))),
        ("fetched", words::bytes(f.bytes_fetched)),
        ("rows", format!("{} in the lake, {} of them new", number(f.rows), number(f.rows_added))),
        (
            "files",
            format!("{} in {} partitions, {}", number(f.files), number(f.partitions), words::bytes(f.bytes)),
        ),
        ("duplicates", number(f.verdict.duplicates)),
        ("lost", format!("{} of {} observations told", number(f.verdict.lost), number(f.verdict.told))),
    ];
    lines.iter().fold(String::new(), |mut out, (name, value)| {
        let _ = writeln!(out, "  {name:<16}{value}");
        out
    })
}

/// The newest rows as a table.
pub(super) fn newest(lake: &Lake) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header([
        "time",
        "station",
        "°C",
        "humidity %",
        "wind kn",
        "gust kn",
        "hPa",
    ]);
    for row in lake.rows.iter().rev().take(NEWEST) {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn cells(row: &LakeRow) -> [String; 7] {
    let field = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let wind = |name: &str| field(row.get("wind").and_then(|wind| wind.get(name)));
    let time: String =
        field(row.get("time")).replace('T', " ").chars().take("2013-01-02 07:00".len()).collect();
    [
        time,
        field(row.get("station")),
        field(row.get("temperature_c")),
        field(row.get("humidity_percent")),
        wind("speed_knots"),
        wind("gust_knots"),
        field(row.get("pressure_hpa")),
    ]
}

/// The folder in short: days of the lake with their hours, files and rows, and the newest file whole.
pub(super) fn tree(dir: &Path, lake: &Lake, batches: u64) -> String {
    let mut days: Vec<(String, u64, Count)> = Vec::new();
    for (partition, count) in &lake.partitions {
        let day: Vec<&str> = partition.split('/').take(3).collect();
        let day = day.join("/");
        if days.last().is_none_or(|(last, ..)| *last != day) {
            days.push((day, 0, Count::default()));
        }
        let (_, hours, sum) = days.last_mut().expect("just made sure");
        *hours += 1;
        sum.files += count.files;
        sum.rows += count.rows;
    }
    let mut out = format!(
        "{}\n├── tidegate.toml\n├── staging/          {} batches, every page as it came\n└── lake/observations/\n",
        dir.display(),
        number(batches)
    );
    let (shown, rest) = days.split_at(days.len().min(8));
    for (day, hours, sum) in shown {
        let _ =
            writeln!(out, "    ├── {day}   {hours:>2} hours, {:>3} files, {:>3} rows", sum.files, sum.rows);
    }
    if !rest.is_empty() {
        let _ = writeln!(out, "    ├── … {} more days", rest.len());
    }
    let file = lake.newest_file.as_deref().unwrap_or_default();
    let _ = writeln!(out, "    └── {}", file.strip_prefix("observations/").unwrap_or(file));
    out
}

/// Commands to try next, ready to be pasted.
pub(super) fn next(program: &str, dir: &Path) -> String {
    let files = dir.join("lake/observations/**/*.parquet");
    let files = files.display();
    let query = format!(
        "select year, month, day, station, count(*) as hours, round(avg(temperature_c), 1) as mean_c, \
         max(wind.gust_knots) as gust from read_parquet('{files}', hive_partitioning = true) \
         group by all order by all"
    );
    format!(
        "  query it       duckdb -c \"{query}\"\n  \
           or             pip install duckdb && python3 -c \"import duckdb; duckdb.sql(\\\"{query}\\\").show()\"\n  \
           go on          {program} demo --dir {}\n  \
           your own API   {program} init URL\n",
        dir.display()
    )
}

/// `26,115`, the digits in groups.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!((number(7).as_str(), number(26_115).as_str()), ("7", "26,115"));
    }
}
