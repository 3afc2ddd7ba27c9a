//! Mistakes in a pipeline file, each with its line, a caret, the reason and what to write instead.

use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use tidegate_core::pipeline::Mistake;

use crate::output::Shell;

/// All mistakes as text for stderr.
pub(crate) fn render(path: &Path, text: &str, mistakes: &[Mistake], shell: &Shell) -> String {
    let theme = if shell.colour() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
    let mut out = String::new();
    for mistake in mistakes {
        let report = report(path, text, mistake);
        if handler.render_report(&mut out, report.as_ref()).is_err() {
            out.push_str(&mistake.message);
        }
    }
    let count = mistakes.len();
    let noun = if count == 1 { "mistake" } else { "mistakes" };
    out.push_str(&format!("{}: {count} {noun}\n", path.display()));
    out
}

fn report(path: &Path, text: &str, mistake: &Mistake) -> Report {
    let mut diagnostic = MietteDiagnostic::new(mistake.message.clone());
    if let Some(help) = &mistake.help {
        diagnostic = diagnostic.with_help(help.clone());
    }
    if mistake.span.is_empty() {
        return Report::new(diagnostic);
    }
    diagnostic = diagnostic.with_label(LabeledSpan::new_with_span(None, mistake.span.clone()));
    let source = NamedSource::new(path.display().to_string(), text.to_owned()).with_language("toml");
    Report::new(diagnostic).with_source_code(source)
}
