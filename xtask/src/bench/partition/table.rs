//! The figures of a job as a Markdown table.

use std::fmt::Write as _;

use super::job::{Job, Row};

const MIB: f64 = 1048576.0;

/// Ours first, then the peers; each figure also in relation to ours.
pub(super) fn of(job: &Job, rows: &[Row]) -> String {
    let mut text = format!(
        "**{}**\n\n| tool | wall s | tidegate is | MB/s | CPU s | peak memory MiB | output MiB | files | query ms | rows right |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
        job.headline
    );
    for row in rows {
        let (taken, output) = (&row.taken, &row.output);
        let ratio = match rows.first() {
            Some(ours) if ours.tool != row.tool => {
                format!("{:.2} times as fast", taken.wall / ours.taken.wall)
            }
            _ => String::new(),
        };
        // Writing to a String never fails.
        let _ = writeln!(
            text,
            "| {} | {:.2} | {ratio} | {:.0} | {:.2} | {:.0} | {:.1} | {} | {:.0} | {} |",
            row.tool,
            taken.wall,
            row.input as f64 / 1e6 / taken.wall,
            taken.cpu,
            taken.memory / MIB,
            output.bytes / MIB,
            output.files,
            output.query * 1e3,
            if output.correct { "yes" } else { "**no**" },
        );
    }
    text
}
