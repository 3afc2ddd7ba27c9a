//! The generated blocks of `docs/performance.md`.

use std::fs;

use crate::place;
use crate::shell;

/// Puts a text between the marks of a block: `<!-- bench NAME -->` and `<!-- end NAME -->`.
pub(super) fn write(name: &str, text: &str) -> Result<(), String> {
    let path = place::root().join("docs/performance.md");
    let page = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let replaced = replace(&page, name, text).ok_or(format!("docs/performance.md has no block {name}"))?;
    fs::write(&path, replaced).map_err(|error| format!("{}: {error}", path.display()))?;
    eprintln!("wrote the block {name} of docs/performance.md");
    Ok(())
}

fn replace(page: &str, name: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(&format!("<!-- bench {name} -->"))?;
    let (_, after) = rest.split_once(&format!("<!-- end {name} -->"))?;
    Some(format!("{before}<!-- bench {name} -->\n{}\n<!-- end {name} -->{after}", text.trim_end()))
}

/// The machine, its mood, the day and our version, in one sentence.
pub(super) fn circumstances() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory: f64 = memory.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let load = read("/proc/loadavg").split(' ').next().unwrap_or("unknown").to_owned();
    let line =
        |program: &str, args: &[&str]| shell::first_line(program, args).unwrap_or("unknown".to_owned());
    format!(
        "Measured {} on {cores} cores ({}), {:.0} GiB of memory, Linux {}, load average {load} at the start; tidegate {}",
        line("date", &["-u", "+%F"]),
        field(&read("/proc/cpuinfo"), "model name"),
        memory / f64::from(1 << 20),
        line("uname", &["-r"]),
        line("git", &["-C", &place::root().display().to_string(), "rev-parse", "--short", "HEAD"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_changes() {
        let page = "a\n<!-- bench x -->\nold\n<!-- end x -->\nb\n";
        assert_eq!(
            replace(page, "x", "new\n").as_deref(),
            Some("a\n<!-- bench x -->\nnew\n<!-- end x -->\nb\n")
        );
        assert_eq!(replace(page, "y", "new"), None);
    }
}
