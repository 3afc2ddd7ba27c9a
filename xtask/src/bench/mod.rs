//! `cargo xtask bench`: what is measured rather than claimed. A bench writes its own page or prints its own table.

pub(crate) mod airbyte;
mod backlog;
mod cadence;
mod event;
mod growth;
pub(crate) mod ingest;
pub(crate) mod instructions;
pub(crate) mod memory;
mod page;
pub(crate) mod partition;
mod read;
mod staged;
mod start;
mod windowed;

/// One bench.
struct Bench {
    /// What the command line calls it.
    name: &'static str,
    /// What it measures, in one line.
    headline: &'static str,
    /// Does it with the options that stand behind the names; whether it succeeded.
    run: fn(&[String]) -> Result<bool, String>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "cadence",
        headline: "the learned cadence, into docs/cadence-measured.md",
        run: cadence::run,
    },
    Bench {
        name: "partition",
        headline: "the partition job beside other engines, into docs/performance.md",
        run: partition::run,
    },
    Bench {
        name: "ingest",
        headline: "an API read to its end beside dlt, the Airbyte CDK and a script, into docs/performance.md",
        run: ingest::run,
    },
    Bench {
        name: "airbyte",
        headline: "manifests as they stand, each against an API made from it: every record arrives",
        run: airbyte::run,
    },
    Bench {
        name: "growth",
        headline: "how the cost of the partition job grows, into docs/performance.md and docs/growth.svg",
        run: growth::run,
    },
    Bench {
        name: "memory",
        headline: "the partition job's memory on inputs that would not fit, into docs/performance.md",
        run: memory::run,
    },
    Bench {
        name: "backlog",
        headline: "10 GiB of staged batches loaded under the memory cap, into docs/performance.md",
        run: backlog::run,
    },
    Bench {
        name: "windowed",
        headline: "20,000 staged batches as one windowed load beside a script, into docs/performance.md",
        run: windowed::run,
    },
    Bench {
        name: "event",
        headline: "what the load of one small batch takes beyond the store's calls, into docs/performance.md",
        run: event::run,
    },
    Bench {
        name: "read",
        headline: "DuckDB's query times over our files beside its own, into docs/performance.md",
        run: read::run,
    },
    Bench {
        name: "start",
        headline: "the start of the command line and the memory of an idle run, into docs/performance.md",
        run: start::run,
    },
    Bench {
        name: "instructions",
        headline: "instructions of the hot functions beside the agreed figures",
        run: instructions::run,
    },
];

/// What `--small` runs where nothing is named.
const SMALL: &str = "partition";

/// Runs the named benches one after the other, all of them when none is named: `[NAME…] [--list] [--OPTION…]`.
pub(crate) fn run(args: &[String]) -> Result<bool, String> {
    if args.iter().any(|arg| arg == "--list") {
        BENCHES.iter().for_each(|bench| println!("{:<10} {}", bench.name, bench.headline));
        return Ok(true);
    }
    let names = args.iter().take_while(|arg| !arg.starts_with("--")).count();
    let (names, options) = args.split_at(names);
    let small = [SMALL.to_owned()];
    let names = if names.is_empty() && options.iter().any(|arg| arg == "--small") { &small } else { names };
    let mut succeeded = true;
    for bench in chosen(names)? {
        eprintln!("\n==== {}: {}", bench.name, bench.headline);
        succeeded &= (bench.run)(options)?;
    }
    Ok(succeeded)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Bench>, String> {
    if names.is_empty() {
        return Ok(BENCHES.iter().collect());
    }
    let find = |name: &String| {
        BENCHES.iter().find(|bench| bench.name == name).ok_or_else(|| {
            let all: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
            format!("there is no bench `{name}`; the benches are {}", all.join(", "))
        })
    };
    names.iter().map(find).collect()
}
