//! What was learned, in one line that a human believes.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::decide::lock_of;
use super::rhythm::GapSummary;
use super::state::{State, seconds};
use super::{CadenceSpec, Due, Floor};

/// Expected but missing changes after which a source is called silent.
const SILENT: f32 = 4.0;

/// The line for a stream that is due at `due`, as seen at `now`. All of it is from the state; times are UTC.
pub fn explain(state: &State, spec: &CadenceSpec, due: &Due, now: Timestamp) -> String {
    let when = clock_time(due.at, now);
    let mut line = format!("next {when}: {}{}", given(spec), learned(state, due, now));
    if state.effort_known() {
        line += &format!("; {:.1} polls per change", state.effort.value());
    }
    if state.lag.seconds() >= 1.0 {
        line += &format!("; stamps {} before visible", span(state.lag.seconds()));
    }
    if state.floors.failures > 0 {
        line += &format!("; {} failed in a row", state.floors.failures);
    }
    line += &format!("; floor {}", floor_name(due.floor));
    if due.stale {
        line += ", max_staleness cannot be kept";
    }
    line
}

/// What the file says, where the cadence is not learned.
fn given(spec: &CadenceSpec) -> String {
    match (&spec.every, &spec.cron) {
        (Some(every), _) => format!("every {every} as the file says; "),
        (None, Some(cron)) => format!("at `{cron}` as the file says; "),
        (None, None) => String::new(),
    }
}

fn learned(state: &State, due: &Due, now: Timestamp) -> String {
    let locked = lock_of(state) > 0.5;
    if state.changes == 0 {
        return match state.cron.period {
            Some(period) => format!("declared every {}, no change seen yet", span(f64::from(period))),
            None => "no change seen yet, looking around".into(),
        };
    }
    if state.missed > SILENT {
        return silence(state, due, now);
    }
    if due.look {
        let hits = state.alias.streak;
        return format!("alias check: {hits} hits in a row, looking once in mid-gap");
    }
    if locked { rhythm(state) } else { no_rhythm(state, due, now) }
}

fn no_rhythm(state: &State, due: &Due, now: Timestamp) -> String {
    let from = state.seen.map_or(now.as_millisecond(), |seen| seen);
    let wait = seconds(due.at.as_millisecond() - from);
    format!("no period found, about 1 change per {}, polling every {}", span(state.mean_gap()), span(wait))
}

fn silence(state: &State, due: &Due, now: Timestamp) -> String {
    let silent = state.last_change.map_or(0.0, |last| seconds(now.as_millisecond() - last));
    let usual = GapSummary::of(&state.gaps).median;
    let wait = state.seen.map_or(0.0, |seen| seconds(due.at.as_millisecond() - seen));
    format!(
        "silent for {} after a change every {} ({:.0} expected), backing off to {}, source looks frozen",
        span(silent),
        span(if usual > 0.0 { usual } else { state.mean_gap() }),
        (silent / if usual > 0.0 { usual } else { state.mean_gap() }).floor(),
        span(wait)
    )
}

fn rhythm(state: &State) -> String {
    let on_time = state.punctual.share();
    let slots = state.punctual.count();
    if let Some((period, phase)) = state.wall_clock() {
        let spread = span(f64::from(state.cron.spread));
        return format!(
            "changes every {} at about {} (±{spread}, {:.0} % of {slots})",
            span(period),
            phase_name(period, phase),
            on_time * 100.0
        );
    }
    let period = state.beat.period.map_or(state.mean_gap(), f64::from);
    let spread = span(f64::from(state.beat.spread));
    if state.beats() {
        format!(
            "changes every {}, counted from the last one (±{spread}, {:.0} % of {slots})",
            span(period),
            on_time * 100.0
        )
    } else {
        format!("changes at learned times of the clock, one per {}", span(recent_gap(state)))
    }
}

/// Mean seconds between the last changes: the long-run mean takes days to follow.
fn recent_gap(state: &State) -> f64 {
    let gaps = GapSummary::of(&state.gaps);
    if state.gaps.len() < 3 { state.mean_gap() } else { gaps.mean }
}

/// `:02:17 past the quarter`, `:53:10 past the hour`, `14:02 UTC`.
fn phase_name(period: f64, phase: f64) -> String {
    let phase = phase.round() as u64;
    let (hours, minutes, rest) = (phase / 3600, phase / 60 % 60, phase % 60);
    match period as u64 {
        900 => format!(":{minutes:02}:{rest:02} past the quarter"),
        1800 => format!(":{minutes:02}:{rest:02} past the half hour"),
        3600 => format!(":{minutes:02}:{rest:02} past the hour"),
        86400 => format!("{hours:02}:{minutes:02} UTC"),
        short if short < 3600 => format!(":{minutes:02}:{rest:02} past each {}", span(period)),
        _ => format!("{hours:02}:{minutes:02} into each {}", span(period)),
    }
}

/// The time of day, with the date when it is not today.
fn clock_time(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned(TimeZone::UTC), now.to_zoned(TimeZone::UTC));
    let format = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.strftime(format).to_string()
}

/// The rule's name as in the documentation.
pub fn floor_name(floor: Floor) -> &'static str {
    match floor {
        Floor::None => "none",
        Floor::RetryAfter => "Retry-After",
        Floor::Backoff => "back-off after failures",
        Floor::RateLimit => "rate limit",
        Floor::PollInterval => "X-Poll-Interval",
        Floor::Freshness => "cached copy",
        Floor::Min => "min",
        Floor::Budget => "calls_per_day",
        Floor::MaxStaleness => "max_staleness",
    }
}

/// Seconds as `20 s`, `15m00s`, `1h30m`, `2d4h`.
pub fn span(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (days, hours, minutes, rest) = (whole / 86400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{minutes}m{rest:02}s"),
        3600..86400 if rest == 0 => format!("{hours}h{minutes:02}m"),
        3600..86400 => format!("{hours}h{minutes:02}m{rest:02}s"),
        _ if minutes == 0 && hours == 0 => format!("{days}d"),
        _ => format!("{days}d{hours}h"),
    }
}
