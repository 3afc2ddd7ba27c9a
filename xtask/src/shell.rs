//! Running other programs: what they print is shown as it comes and kept for counting.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// What a program printed and whether it succeeded.
pub(crate) struct Ran {
    pub(crate) output: String,
    pub(crate) succeeded: bool,
}

/// Runs a program to its end, printing what it prints.
pub(crate) fn run(command: &mut Command) -> Result<Ran, String> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    let errors = child.stderr.take().map(|pipe| thread::spawn(move || tee(pipe, &mut std::io::stderr())));
    let mut output = child.stdout.take().map(|pipe| tee(pipe, &mut std::io::stdout())).unwrap_or_default();
    if let Some(errors) = errors {
        output += &errors.join().unwrap_or_default();
    }
    let status = child.wait().map_err(|error| format!("{shown}: {error}"))?;
    Ok(Ran { output, succeeded: status.success() })
}

/// Runs a program whose failure leaves nothing to go on with.
pub(crate) fn must(command: &mut Command) -> Result<String, String> {
    let ran = run(command)?;
    if ran.succeeded { Ok(ran.output) } else { Err(format!("{} failed", shown(command))) }
}

/// The first line a program prints, or `None` if it is not there or fails.
pub(crate) fn first_line(program: impl AsRef<Path>, args: &[&str]) -> Option<String> {
    let output = Command::new(program.as_ref()).args(args).stderr(Stdio::null()).output().ok()?;
    let line = String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned();
    output.status.success().then_some(line)
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn tee(pipe: impl Read, to: &mut dyn Write) -> String {
    let mut kept = String::new();
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let _ = to.write_all(&line).and_then(|()| to.flush());
        kept.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    kept
}
