//! A picture of what was learned: polls, hits and misses on a time line, and the learned rhythm below.

use std::fmt::Write;

use super::explain::span;
use super::state::{State, seconds};
use super::visit::{Outcome, Visit};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
/// Top and height of the time line, then of the picture of the phase.
const LINE: (f64, f64) = (40.0, 60.0);
const PHASE: (f64, f64) = (140.0, 160.0);
const HEIGHT: f64 = 340.0;

/// Draws visits (oldest first) against time as SVG; below, each hit's place within the learned period, with the learned
/// phase as a band.
pub fn plot(history: &[Visit], state: &State) -> String {
    let at = |visit: &Visit| seconds(visit.at.as_millisecond());
    let from = history.first().map_or(0.0, at);
    let to = history.last().map_or(1.0, at).max(from + 1.0);
    let x = |moment: f64| LEFT + (moment - from) / (to - from) * (WIDTH - LEFT - RIGHT);
    let mut svg = head();
    for visit in history {
        let (class, top, bottom) = match visit.outcome {
            Outcome::Changed(_) => ("hit", 0.0, LINE.1),
            Outcome::Unchanged => ("miss", LINE.1 * 0.5, LINE.1),
            Outcome::Failed => ("fail", LINE.1 * 0.75, LINE.1),
        };
        line(&mut svg, class, (x(at(visit)), LINE.0 + top), (x(at(visit)), LINE.0 + bottom));
    }
    if let Some((period, phase, spread)) = state.drawn_rhythm() {
        draw_phase(&mut svg, history, (period, phase, spread), x);
    }
    draw_axis(&mut svg, history);
    svg += "</svg>\n";
    svg
}

fn head() -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<style>.hit{{stroke:#0a7d4b;stroke-width:1.5}}.miss{{stroke:#9aa5b1}}\
         .fail{{stroke:#c0392b}}.axis{{stroke:#52606d}}.band{{fill:#0a7d4b;fill-opacity:.15}}\
         .dot{{fill:#0a7d4b}}text{{fill:#323f4b}}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\">polls: found something (full), nothing new (half), failed (quarter)</text>\n"
    )
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn draw_phase(svg: &mut String, history: &[Visit], rhythm: (f64, f64, f64), x: impl Fn(f64) -> f64) {
    let (period, phase, spread) = rhythm;
    // The learned phase lies in the middle, so that the band never wraps.
    let y = |moment: f64| PHASE.0 + ((moment - phase) / period + 0.5).rem_euclid(1.0) * PHASE.1;
    let half = (spread / period * PHASE.1).clamp(1.0, PHASE.1 / 2.0);
    let middle = PHASE.0 + PHASE.1 / 2.0;
    let _ = writeln!(
        svg,
        "<rect class=\"band\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
        middle - half,
        WIDTH - LEFT - RIGHT,
        2.0 * half
    );
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.1}\">place of each hit within the period of {}, band ±{}</text>",
        PHASE.0 - 8.0,
        span(period),
        span(spread)
    );
    for visit in history.iter().filter(|visit| matches!(visit.outcome, Outcome::Changed(_))) {
        let at = seconds(visit.at.as_millisecond());
        let _ = writeln!(svg, "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2\"/>", x(at), y(at));
    }
}

fn draw_axis(svg: &mut String, history: &[Visit]) {
    let bottom = PHASE.0 + PHASE.1;
    for height in [LINE.0 + LINE.1, bottom] {
        line(svg, "axis", (LEFT, height), (WIDTH - RIGHT, height));
    }
    let label = |visit: Option<&Visit>| {
        visit.map_or(String::new(), |visit| visit.at.strftime("%F %H:%M").to_string())
    };
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{:.1}\">{}</text>", bottom + 20.0, label(history.first()));
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        WIDTH - RIGHT,
        bottom + 20.0,
        label(history.last())
    );
}
