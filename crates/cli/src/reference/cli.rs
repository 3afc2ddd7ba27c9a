//! `cli.md`: every command with its arguments.

use clap::{Arg, Command, CommandFactory};

use super::cell;
use crate::args::Args;

pub(super) fn page() -> String {
    let mut root = Args::command();
    root.build();
    let mut page = format!("{}# Command line\n\n", super::GENERATED);
    page.push_str(
        "Results go to stdout, everything said about them to stderr; with `--json` stdout holds one JSON document. \
         Colour and progress bars are for a terminal alone, and `NO_COLOR` is respected. Exit codes: see \
         [errors](errors.md).\n\n## Options of every command\n\n",
    );
    let global: Vec<&Arg> = root.get_arguments().filter(|arg| arg.is_global_set()).collect();
    table(&global, &mut page);
    for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
        section(command, "tidegate", 2, &mut page);
    }
    format!("{}\n", page.trim_end())
}

fn section(command: &Command, parent: &str, level: usize, page: &mut String) {
    let path = format!("{parent} {}", command.get_name());
    page.push_str(&format!("{} {path}\n\n", "#".repeat(level)));
    if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
        page.push_str(&format!("{about}.\n\n"));
    }
    let usage = command.clone().render_usage().to_string().replace("Usage: ", "");
    page.push_str(&format!("```text\n{}\n```\n\n", usage.trim()));
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| {
            !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help" && arg.get_id() != "version"
        })
        .collect();
    table(&own, page);
    for inner in command.get_subcommands().filter(|command| command.get_name() != "help") {
        section(inner, &path, level + 1, page);
    }
}

fn table(args: &[&Arg], page: &mut String) {
    if args.is_empty() {
        return;
    }
    page.push_str("| argument | default | meaning |\n|---|---|---|\n");
    for arg in args {
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        let takes_value = arg.get_action().takes_values();
        let default = if takes_value { defaults.join(" ") } else { String::new() };
        let help =
            arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
        page.push_str(&format!("| `{}` | {default} | {}{} |\n", name(arg), cell(&help), words(arg)));
    }
    page.push('\n');
}

/// `-v, --verbose`, `--log <FORM>`, `[FILE]`.
fn name(arg: &Arg) -> String {
    let value = arg
        .get_value_names()
        .map(|names| names.iter().map(|one| format!("<{one}>")).collect::<Vec<_>>().join(" "));
    let value = value.filter(|_| arg.get_action().takes_values()).unwrap_or_default();
    if arg.is_positional() {
        let bare = value.trim_matches(['<', '>']).to_owned();
        return if arg.is_required_set() { value } else { format!("[{bare}]") };
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    format!("{} {value}", flags.join(", ")).trim_end().to_owned()
}

fn words(arg: &Arg) -> String {
    let words: Vec<String> =
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let flag = !arg.get_action().takes_values();
    if words.is_empty() || flag { String::new() } else { format!(" ({})", words.join(", ")) }
}
