//! Which of the times that an answer tells are times of changes. Not every time that looks like one is: a forecast's
//! lie ahead, a table that is published once a day is stamped by the hour, some servers stamp the request. Taken at its
//! word such a stamp is worse than none.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Stamps;

/// The times that an answer with something new tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// `Last-Modified`, or the payload's own `updated`.
    pub modified: Option<Timestamp>,
    /// Times of its records: of the new ones where records are told apart, else of all.
    pub times: Vec<Timestamp>,
    /// Whether records are told apart, and if so, whether known ones came along: then nothing lies between two answers.
    pub apart: Option<bool>,
}

/// What experience says about a stream's times. Advice: losing it costs relearning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trust {
    /// Newest time of a record.
    pub newest: Option<Timestamp>,
    /// Newest `modified`.
    pub modified: Option<Timestamp>,
    /// `modified` has moved although nothing had changed: it is the time of the request.
    pub restless: bool,
    /// How often records come later than those before them, together: 0 each in its time, 1 all in bulk.
    pub bulk: f32,
}

/// Stamps kept of one answer.
const MOST: usize = 256;
/// Above this the times of single records say nothing about changes.
const BULK: f32 = 0.3;
/// Weight of an answer in [`Trust::bulk`].
const WEIGHT: f32 = 0.2;
/// Clocks differ by this much without saying so.
const SLACK: SignedDuration = SignedDuration::from_secs(2);
/// Stamps older than this are of records, not of changes.
const OLDEST: SignedDuration = SignedDuration::from_hours(31 * 24);

impl Trust {
    /// The stamps to learn from of an answer that was received at `at`, the one before at `before`.
    pub fn stamps(&mut self, shown: &Shown, before: Option<Timestamp>, at: Timestamp) -> Stamps {
        let believable = |time: &Timestamp| *time <= at + SLACK && *time >= at - OLDEST;
        let modified = shown.modified.filter(|time| believable(time) && *time < at - SLACK);
        let modified = modified.filter(|_| !self.restless);
        self.modified = self.modified.max(shown.modified);
        let (mut new, continuous) = self.new_times(shown);
        self.newest = self.newest.max(shown.times.iter().max().copied());
        // A record of the future is a forecast, and then the others are none of a change either.
        if shown.times.iter().any(|time| *time > at + SLACK) {
            new.clear();
        }
        new.retain(believable);
        new.sort();
        // Records of one moment are one change.
        new.dedup();
        let Some(&newest) = new.last() else {
            return modified.map_or(Stamps::Hidden, Stamps::Newest);
        };
        let late = new.partition_point(|time| before.is_some_and(|before| *time <= before));
        self.note_bulk(new.len(), late);
        if !continuous || self.bulk >= BULK {
            return Stamps::Newest(modified.unwrap_or(newest));
        }
        // What is stamped before the last look was not there yet: it came with some lag, and together.
        new.drain(..late.saturating_sub(1).max(new.len().saturating_sub(MOST)));
        Stamps::All(new)
    }

    /// Takes in an answer that brought nothing new.
    pub fn unchanged(&mut self, modified: Option<Timestamp>) {
        if let (Some(known), Some(modified)) = (self.modified, modified) {
            self.restless |= modified > known;
        }
        self.modified = self.modified.max(modified);
    }

    /// The times of the new records, and whether there can be no others since the last answer.
    fn new_times(&self, shown: &Shown) -> (Vec<Timestamp>, bool) {
        match shown.apart {
            Some(continuous) => (shown.times.clone(), continuous),
            None => {
                let new: Vec<Timestamp> =
                    shown.times.iter().filter(|time| Some(**time) > self.newest).copied().collect();
                let continuous = new.len() < shown.times.len();
                (new, continuous)
            }
        }
    }

    fn note_bulk(&mut self, new: usize, late: usize) {
        match (new, late) {
            (1, 0) => self.bulk -= WEIGHT * self.bulk,
            (2.., 1..) => self.bulk += WEIGHT * (1.0 - self.bulk),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).expect("in range")
    }

    fn feed(times: &[i64], known: bool) -> Shown {
        Shown { times: times.iter().map(|time| at(*time)).collect(), apart: Some(known), modified: None }
    }

    #[test]
    fn a_feed_that_overlaps_tells_every_change_and_one_that_does_not_the_newest() {
        let mut trust = Trust::default();
        let all = trust.stamps(&feed(&[30, 10], true), Some(at(0)), at(40));
        assert_eq!(all, Stamps::All(vec![at(10), at(30)]));
        let newest = trust.stamps(&feed(&[50, 60], false), Some(at(40)), at(70));
        assert_eq!(newest, Stamps::Newest(at(60)));
    }

    #[test]
    fn without_keys_the_newer_times_are_the_new_ones() {
        let mut trust = Trust::default();
        let shown = |times: &[i64]| Shown { apart: None, ..feed(times, false) };
        assert_eq!(trust.stamps(&shown(&[5]), None, at(9)), Stamps::Newest(at(5)));
        assert_eq!(trust.stamps(&shown(&[5, 15]), Some(at(9)), at(19)), Stamps::All(vec![at(15)]));
    }

    #[test]
    fn a_table_published_in_bulk_is_one_change() {
        let mut trust = Trust::default();
        let rows: Vec<i64> = (0..24).map(|hour| hour * 3600).collect();
        let day = |trust: &mut Trust, day: i64| {
            let moved: Vec<i64> = rows.iter().map(|row| row + day * 86_400).collect();
            let now = at((day + 1) * 86_400 + 7200);
            trust.stamps(&feed(&moved, true), Some(now - SignedDuration::from_mins(10)), now)
        };
        for number in 0..3 {
            day(&mut trust, number);
        }
        assert_eq!(day(&mut trust, 3), Stamps::Newest(at(3 * 86_400 + 23 * 3600)));
    }

    #[test]
    fn times_ahead_and_times_of_the_request_are_no_changes() {
        let mut trust = Trust::default();
        assert_eq!(trust.stamps(&feed(&[5, 500], true), Some(at(0)), at(10)), Stamps::Hidden);
        let stamped = |second| Shown { modified: Some(at(second)), ..Shown::default() };
        assert_eq!(trust.stamps(&stamped(10), None, at(20)), Stamps::Newest(at(10)));
        assert_eq!(trust.stamps(&stamped(30), None, at(30)), Stamps::Hidden);
        trust.unchanged(Some(at(40)));
        assert_eq!(trust.stamps(&stamped(50), None, at(60)), Stamps::Hidden);
        assert_eq!(trust.stamps(&feed(&[-9_000_000], true), None, at(60)), Stamps::Hidden);
    }
}
