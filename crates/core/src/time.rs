//! Points in time as APIs write them: ISO 8601, RFC 2822, epoch numbers, and what a stream names.

use jiff::Timestamp;

use crate::pipeline::EventTime;

/// The point in time that a JSON value (its raw text) names under the rules of an `event_time`; `None` if it names
/// none.
pub fn parse(value: &[u8], rules: &EventTime) -> Option<Timestamp> {
    let _ = (value, rules);
    None
}
