//! A picture of what was learned: polls, hits and misses on a time line, and the learned rhythm below.

use std::fmt::Write;

use jiff::Timestamp;

use super::decide::lock_of;
use super::explain::span;
use super::state::{State, seconds};
use super::visit::{Outcome, Visit};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
/// Lines of the title, and how far they lie apart.
const TITLE: (usize, f64) = (3, 16.0);
/// Letters of a line of the title.
const LETTERS: usize = 140;
/// Top and height of the time line, then of the picture of the phase.
const LINE: (f64, f64) = (90.0, 60.0);
const PHASE: (f64, f64) = (190.0, 160.0);
const HEIGHT: f64 = 400.0;
/// Marks of the time axis at most.
const MARKS: f64 = 8.0;
/// Steps between them, seconds.
const STEPS: [f64; 16] = [
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    604_800.0,
    2_419_200.0,
    31_536_000.0,
];

/// The span of time that is drawn, seconds since 1970.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn of(history: &[Visit]) -> Self {
        let from = history.first().map_or(0.0, at);
        Self { from, to: history.last().map_or(1.0, at).max(from + 1.0) }
    }

    fn x(&self, moment: f64) -> f64 {
        LEFT + (moment - self.from) / (self.to - self.from) * (WIDTH - LEFT - RIGHT)
    }

    /// Moments on the wall clock, and how they are written.
    fn marks(&self) -> Vec<(f64, String)> {
        let long = self.to - self.from;
        let step = STEPS.into_iter().find(|step| long / step <= MARKS).unwrap_or(long);
        let first = (self.from / step).ceil();
        let moments = (0..=MARKS as u32).map(|mark| (first + f64::from(mark)) * step);
        let format = |moment: f64| if moment.rem_euclid(86_400.0) < 1.0 { "%b %-d" } else { "%H:%M" };
        moments
            .take_while(|&moment| moment <= self.to)
            .map(|moment| (moment, written(moment, format(moment))))
            .collect()
    }
}

fn at(visit: &Visit) -> f64 {
    seconds(visit.at.as_millisecond())
}

fn written(moment: f64, format: &str) -> String {
    Timestamp::from_second(moment as i64).map_or(String::new(), |at| at.strftime(format).to_string())
}

/// Draws visits (oldest first) against time as SVG, under a title; below, each hit's place within the learned period, with
/// the learned phase as a band. Times are UTC.
pub fn plot(title: &str, history: &[Visit], state: &State) -> String {
    let axis = Axis::of(history);
    let mut svg = head(title);
    legend(&mut svg, history);
    // Misses over hits, which are many where the rhythm is known.
    for hits in [true, false] {
        for visit in history.iter().filter(|visit| hit(visit) == hits) {
            let (class, top) = match visit.outcome {
                Outcome::Changed(_) => ("hit", 0.0),
                Outcome::Unchanged => ("miss", LINE.1 * 0.5),
                Outcome::Failed => ("fail", LINE.1 * 0.75),
            };
            let x = axis.x(at(visit));
            line(&mut svg, class, (x, LINE.0 + top), (x, LINE.0 + LINE.1));
        }
    }
    match state.drawn_rhythm().filter(|_| state.changes > 0 && lock_of(state) > 0.5) {
        Some(rhythm) => draw_phase(&mut svg, history, rhythm, &axis),
        None if state.changes == 0 => text(&mut svg, (LEFT, PHASE.0 - 8.0), "start", "no change seen yet"),
        None => {
            let gap = span(state.mean_gap());
            text(
                &mut svg,
                (LEFT, PHASE.0 - 8.0),
                "start",
                &format!("no period found, about 1 change per {gap}"),
            );
        }
    }
    draw_axis(&mut svg, &axis, !history.is_empty());
    svg += "</svg>\n";
    svg
}

fn hit(visit: &Visit) -> bool {
    matches!(visit.outcome, Outcome::Changed(_))
}

fn head(title: &str) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<style>.hit{{stroke:#0a7d4b;stroke-width:1.5}}.miss{{stroke:#d97706;stroke-width:1.5}}\
         .fail{{stroke:#c0392b;stroke-width:1.5}}.axis{{stroke:#52606d}}.band{{fill:#0a7d4b;fill-opacity:.15}}\
         .dot{{fill:#0a7d4b}}text{{fill:#323f4b}}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    for (number, words) in lines(title).into_iter().take(TITLE.0).enumerate() {
        text(&mut svg, (LEFT, 20.0 + TITLE.1 * number as f64), "start", &words);
    }
    svg
}

/// A title cut into lines, between its clauses where that can be.
fn lines(title: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for clause in title.split_inclusive("; ").flat_map(|clause| clause.split_inclusive(": ")) {
        let current = lines.last_mut().expect("there is always one");
        if !current.is_empty() && current.chars().count() + clause.chars().count() > LETTERS {
            lines.push(clause.to_owned());
        } else {
            *current += clause;
        }
    }
    lines
}

/// What the three kinds of lines mean, and how many there are of each.
fn legend(svg: &mut String, history: &[Visit]) {
    let count = |wanted: fn(&Outcome) -> bool| history.iter().filter(|visit| wanted(&visit.outcome)).count();
    let kinds = [
        ("hit", "found something", count(|outcome| matches!(outcome, Outcome::Changed(_)))),
        ("miss", "nothing new", count(|outcome| *outcome == Outcome::Unchanged)),
        ("fail", "failed", count(|outcome| *outcome == Outcome::Failed)),
    ];
    for (place, (class, name, count)) in kinds.into_iter().enumerate() {
        let x = LEFT + 170.0 * place as f64;
        line(svg, class, (x, LINE.0 - 20.0), (x, LINE.0 - 8.0));
        text(svg, (x + 6.0, LINE.0 - 10.0), "start", &format!("{name}: {count}"));
    }
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn draw_phase(svg: &mut String, history: &[Visit], (period, phase, spread): (f64, f64, f64), axis: &Axis) {
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
    let told = format!("each hit against the learned beat of {}, band ±{}", span(period), span(spread));
    text(svg, (LEFT, PHASE.0 - 8.0), "start", &told);
    let half = span(period / 2.0);
    for (height, words) in [
        (PHASE.0 + 10.0, format!("{half} early")),
        (middle + 4.0, "on the beat".to_owned()),
        (PHASE.0 + PHASE.1 - 2.0, format!("{half} late")),
    ] {
        text(svg, (LEFT - 4.0, height), "end", &words);
    }
    for visit in history.iter().filter(|visit| hit(visit)) {
        let (x, y) = (axis.x(at(visit)), y(at(visit)));
        let _ = writeln!(svg, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>");
    }
}

fn draw_axis(svg: &mut String, axis: &Axis, any: bool) {
    let bottom = PHASE.0 + PHASE.1;
    for height in [LINE.0 + LINE.1, bottom] {
        line(svg, "axis", (LEFT, height), (WIDTH - RIGHT, height));
    }
    if !any {
        return text(svg, (LEFT, bottom + 18.0), "start", "no poll yet");
    }
    text(svg, (LEFT, bottom + 36.0), "start", &format!("from {} UTC", written(axis.from, "%F %H:%M")));
    for (moment, words) in axis.marks() {
        let x = axis.x(moment);
        for height in [LINE.0 + LINE.1, bottom] {
            line(svg, "axis", (x, height), (x, height + 4.0));
        }
        text(svg, (x, bottom + 18.0), "middle", &words);
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::{CadenceSpec, Stamps, next, observe};
    use super::*;

    /// A quarter-hour source after `visits` polls, each just after its change but every fifth, which finds nothing.
    fn polled(visits: u32) -> (Vec<Visit>, State) {
        let begin: Timestamp = "2026-11-23T06:02:20Z".parse().unwrap();
        let visit = |number: u32| {
            let at = begin + SignedDuration::from_mins(15) * number as i32;
            let early = SignedDuration::from_mins(5);
            match number % 5 {
                4 => Visit::new(at - early, Outcome::Unchanged),
                _ => Visit::new(at, Outcome::Changed(Stamps::Newest(at - SignedDuration::from_secs(9)))),
            }
        };
        let visits: Vec<Visit> = (0..visits).map(visit).collect();
        let state = visits.iter().fold(State::new(1), observe);
        (visits, state)
    }

    #[test]
    fn polls_and_the_rhythm_are_drawn_on_a_clock() {
        let (visits, state) = polled(100);
        let svg = plot("things: next 14:17:45: changes <every> 15m & more", &visits, &state);
        assert_eq!((svg.matches("class=\"hit\"").count(), svg.matches("class=\"miss\"").count()), (81, 21));
        assert_eq!(svg.matches("<circle").count(), 80);
        assert!(svg.contains("each hit against the learned beat of 15m00s"), "{svg}");
        assert!(svg.contains(">found something: 80<") && svg.contains(">nothing new: 20<"), "{svg}");
        assert!(svg.contains("changes &lt;every&gt; 15m &amp; more"), "{svg}");
        assert!(svg.contains(">12:00<") && svg.contains(">18:00<") && svg.contains(">Nov 24<"), "{svg}");
        assert!(svg.contains(">from 2026-11-23 06:02 UTC<"), "{svg}");
    }

    #[test]
    fn where_there_is_no_rhythm_none_is_drawn() {
        let (none, fresh) = polled(0);
        let svg = plot("s", &none, &fresh);
        assert!(svg.contains("no change seen yet") && svg.contains("no poll yet"), "{svg}");
        let (visits, state) = polled(3);
        assert!(next(&state, &CadenceSpec::default(), visits[2].at).at > visits[2].at);
        let svg = plot("s", &visits[..1], &State { changes: 9, ..State::new(1) });
        assert!(svg.contains("no period found, about 1 change per 15m00s"), "{svg}");
    }

    #[test]
    fn a_long_title_is_cut_between_its_clauses() {
        let title = format!("{}; {}: {}", "a".repeat(100), "b".repeat(60), "c".repeat(30));
        assert_eq!(lines(&title).iter().map(String::len).collect::<Vec<_>>(), [102, 92]);
        assert_eq!(lines(""), [""]);
    }
}
