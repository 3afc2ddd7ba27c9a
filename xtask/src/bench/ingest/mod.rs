//! An API read to its end, by us and by others in turn: the same server, outputs checked, medians compared.

mod options;
pub(crate) mod server;
mod tools;

use std::path::PathBuf;

use super::page;
use super::partition::measure::{self, Taken};
use crate::place;
use options::Options;
use tools::{Job, Tool, Tools};

/// What a tool took, and whether what it wrote is what was served.
struct Row {
    tool: Tool,
    taken: Taken,
    right: bool,
}

/// Runs the bench with its options; see [`options::USAGE`].
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let options = Options::parse(args)?;
    let tools = Tools::ready(&options)?;
    let server = server::Process::start(options.pages)?;
    let mut right = true;
    let mut report = format!("{}, {}.\n", page::circumstances(), tools.versions());
    for job in [Job::Pages, Job::FanOut] {
        let rows = in_turn(job, &tools, &server, &options)?;
        right &= rows.iter().all(|row| row.right);
        let text = table(job, &rows, &options);
        println!("\n{text}");
        report.push_str(&format!("\n{text}"));
    }
    let _ = std::fs::remove_dir_all(place::cache().join("bench/ingest"));
    if options.writes {
        page::write("ingest", &report)?;
    }
    Ok(right)
}

/// Every tool once in each round, so that all share the machine's mood.
fn in_turn(job: Job, tools: &Tools, server: &server::Process, options: &Options) -> Result<Vec<Row>, String> {
    let chosen: Vec<Tool> =
        Tool::ALL.into_iter().filter(|tool| tool.does(job) && options.wants(*tool)).collect();
    let mut runs: Vec<(Vec<Taken>, bool)> = chosen.iter().map(|_| (Vec::new(), true)).collect();
    for round in 0..options.runs {
        for (tool, (taken, right)) in chosen.iter().zip(&mut runs) {
            let out = out(&format!("{}-{}-{round}", job.word(), tool.word()))?;
            let one = measure::measured(&tools.python, &tools.command(*tool, job, server, &out, options)?)?;
            *right &= tools.is_right(*tool, job, &out, options)?;
            eprintln!("{:<28} {:.2} s, right: {right}", tool.name(job), one.wall);
            taken.push(one);
        }
    }
    let row = |(tool, (taken, right)): (Tool, (Vec<Taken>, bool))| Row {
        tool,
        taken: measure::median(&taken),
        right,
    };
    Ok(chosen.into_iter().zip(runs).map(row).collect())
}

/// An empty directory. Each run has its own, and all are removed at the end: where thousands of files were just removed,
/// a file system takes long to make new ones (ext4 gives no inode away again within five seconds).
fn out(name: &str) -> Result<PathBuf, String> {
    let out = place::cache().join("bench/ingest").join(name);
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    Ok(out)
}

fn table(job: Job, rows: &[Row], options: &Options) -> String {
    let ours = rows.first().map(|row| row.taken).unwrap_or_default();
    let mut text = format!(
        "**{}**\n\n| tool | wall s | tidegate is | CPU s | its CPU beside ours | peak memory MiB | records right |\n\
         |---|---|---|---|---|---|---|\n",
        job.headline(options)
    );
    for row in rows {
        let (wall, cpu) = (row.taken.wall / ours.wall, row.taken.cpu / ours.cpu);
        let (wall, cpu) = match row.tool {
            Tool::Tidegate => (String::new(), String::new()),
            _ => (format!("{wall:.1} times as fast"), format!("{cpu:.1} times")),
        };
        text.push_str(&format!(
            "| {} | {:.2} | {wall} | {:.2} | {cpu} | {:.0} | {} |\n",
            row.tool.name(job),
            row.taken.wall,
            row.taken.cpu,
            row.taken.memory / f64::from(1 << 20),
            if row.right { "yes" } else { "NO" },
        ));
    }
    text
}
