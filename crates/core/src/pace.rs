//! How fast a source may be asked: a token bucket, moving windows, and what its answers say is left. Requests are booked
//! one after another, each at the first moment that all of them allow. Pure: the caller has the clock and waits.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cadence::Hints;
use crate::pipeline::{Limits, Window};

/// What is booked of one source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    bucket: Option<Bucket>,
    windows: Windows,
    left: Left,
    /// When the last request was booked, and by which clock.
    last: Option<(Timestamp, Timestamp)>,
}

impl Pace {
    /// Nothing is booked yet.
    pub fn new(limits: &Limits) -> Pace {
        Pace { bucket: Bucket::of(limits), windows: Windows::of(&limits.windows), ..Pace::default() }
    }

    /// Books a request of this weight at the first moment from `now` on, and not before `earliest`; returns that moment.
    pub fn book(&mut self, now: Timestamp, earliest: Timestamp, cost: u32) -> Timestamp {
        self.follow(now);
        let last = self.last.map_or(now, |(at, _)| at);
        let mut at = now.max(earliest).max(last);
        at = self.bucket.as_ref().map_or(at, |bucket| bucket.room(at, cost));
        at = self.left.room(at, cost);
        at = self.windows.room(at, cost);
        if let Some(bucket) = &mut self.bucket {
            bucket.take(at, cost);
        }
        self.left.take(at, cost);
        self.windows.take(now, at, cost);
        self.last = Some((at, now));
        at
    }

    /// Until when the source allows no request of this weight, by its answers.
    pub fn spent_until(&self, now: Timestamp, cost: u32) -> Option<Timestamp> {
        Some(self.left.room(now, cost)).filter(|until| *until > now)
    }

    /// The last turn that is booked, or `now`, and the first after it that has room in every window.
    pub fn windowed(&self, now: Timestamp, cost: u32) -> (Timestamp, Timestamp) {
        let last = self.last.map_or(now, |(at, _)| at.max(now));
        (last, self.windows.room(last, cost))
    }

    /// Takes in what an answer says is left, `in_flight` requests having been sent that it may not know of.
    pub fn told(&mut self, hints: &Hints, now: Timestamp, in_flight: u32) {
        self.left.told(hints, now, in_flight);
    }

    /// A clock that was set back: what was booked moves along with it.
    fn follow(&mut self, now: Timestamp) {
        let Some((at, booked)) = self.last.filter(|(_, booked)| now < *booked) else { return };
        let back = now.duration_since(booked);
        let moved = |time: Timestamp| time.checked_add(back).unwrap_or(time);
        self.last = Some((moved(at), now));
        self.bucket.iter_mut().for_each(|bucket| bucket.empty = moved(bucket.empty));
        self.windows.0.iter_mut().flat_map(|window| &mut window.booked).for_each(|(at, _)| *at = moved(*at));
        self.left = Left::default();
    }
}

/// `burst` requests at once, then one every `interval`.
#[derive(Clone, Debug, PartialEq)]
struct Bucket {
    interval: SignedDuration,
    burst: u32,
    /// When the bucket is full again if nothing is taken from it.
    empty: Timestamp,
}

impl Bucket {
    fn of(limits: &Limits) -> Option<Bucket> {
        let rate = limits.requests_per_second.filter(|rate| *rate > 0.0)?;
        let interval = SignedDuration::try_from_secs_f64(1.0 / rate).ok()?;
        Some(Bucket { interval, burst: limits.burst.max(1), empty: Timestamp::MIN })
    }

    fn room(&self, at: Timestamp, cost: u32) -> Timestamp {
        let spare =
            self.interval.saturating_mul(i32::try_from(self.burst.saturating_sub(cost)).unwrap_or(i32::MAX));
        at.max(self.empty.checked_sub(spare).unwrap_or(Timestamp::MIN))
    }

    fn take(&mut self, at: Timestamp, cost: u32) {
        let taken = self.interval.saturating_mul(i32::try_from(cost).unwrap_or(i32::MAX));
        self.empty = self.empty.max(at).checked_add(taken).unwrap_or(Timestamp::MAX);
    }
}

/// Moving windows, each with what was booked in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows(Vec<Moving>);

/// So many requests in any span of such a length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Moving {
    requests: u32,
    per: SignedDuration,
    /// When, and how much; neighbours are taken together at the later time where there are many.
    booked: VecDeque<(Timestamp, u32)>,
}

/// Entries that a window is kept in at most.
const ENTRIES: u32 = 256;

impl Windows {
    /// Nothing is booked in them yet.
    pub fn of(windows: &[Window]) -> Windows {
        let moving = |window: &Window| Moving {
            requests: window.requests.max(1),
            per: SignedDuration::try_from(window.per.0).unwrap_or(SignedDuration::MAX),
            booked: VecDeque::new(),
        };
        Windows(windows.iter().map(moving).collect())
    }

    /// Whether these are the windows of the same limits.
    pub fn agrees(&self, other: &Windows) -> bool {
        let limits = |windows: &Windows| windows.0.iter().map(|w| (w.requests, w.per)).collect::<Vec<_>>();
        limits(self) == limits(other)
    }

    /// The first moment from `at` on with room for so much in every window. More than a whole window holds is taken for
    /// a whole window.
    pub fn room(&self, at: Timestamp, cost: u32) -> Timestamp {
        self.0.iter().map(|window| window.room(at, cost)).fold(at, Timestamp::max)
    }

    /// Books so much at a moment; what is of no more weight from `now` on is forgotten.
    pub fn take(&mut self, now: Timestamp, at: Timestamp, cost: u32) {
        self.0.iter_mut().for_each(|window| window.take(now, at, cost));
    }
}

impl Moving {
    fn room(&self, at: Timestamp, cost: u32) -> Timestamp {
        let mut room = self.requests.saturating_sub(cost);
        for (booked, weight) in self.booked.iter().rev() {
            match room.checked_sub(*weight) {
                Some(left) => room = left,
                // It has to leave the window first, and with it all before it.
                None => return at.max(booked.checked_add(self.per).unwrap_or(Timestamp::MAX)),
            }
        }
        at
    }

    fn take(&mut self, now: Timestamp, at: Timestamp, cost: u32) {
        let gone = now.checked_sub(self.per).unwrap_or(Timestamp::MIN);
        while self.booked.front().is_some_and(|(booked, _)| *booked <= gone) {
            self.booked.pop_front();
        }
        let grain = if self.requests > ENTRIES { self.per / ENTRIES as i32 } else { SignedDuration::ZERO };
        let cost = cost.min(self.requests);
        match self.booked.back_mut() {
            Some((booked, weight)) if at <= *booked => *weight += cost,
            _ => self.booked.push_back((at.checked_add(grain).unwrap_or(at), cost)),
        }
    }
}

/// What the answers say is left, until when.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Left {
    now: Option<(f64, Timestamp)>,
    /// Whether any answer said that something is left: one that never does is not to be believed.
    believed: bool,
}

/// Two resets this close are one: they are told in whole seconds.
const SAME: SignedDuration = SignedDuration::from_secs(2);

impl Left {
    fn told(&mut self, hints: &Hints, now: Timestamp, in_flight: u32) {
        let (Some(remaining), Some(reset)) = (hints.remaining, hints.reset) else { return };
        self.believed |= remaining >= 1.0;
        let reset = SignedDuration::try_from_secs_f64(reset).unwrap_or_default();
        let until = now.checked_add(reset).unwrap_or(Timestamp::MAX);
        let left = remaining - f64::from(in_flight);
        // Answers overtake each other; within a window no more is left than was left before.
        let same = self.now.filter(|(_, before)| until.duration_since(*before).abs() <= SAME);
        let left = same.map_or(left, |(before, _)| before.min(left));
        self.now = self.believed.then_some((left, until));
    }

    fn room(&self, at: Timestamp, cost: u32) -> Timestamp {
        match self.now {
            Some((left, until)) if left < f64::from(cost) => at.max(until),
            _ => at,
        }
    }

    fn take(&mut self, at: Timestamp, cost: u32) {
        self.now =
            self.now.filter(|(_, until)| at < *until).map(|(left, until)| (left - f64::from(cost), until));
    }
}

/// A share of the windows that one process takes at once when several keep them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From when on it may be used.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How many requests of weight 1 it is.
    pub requests: u32,
}

/// Shares that a window is cut into.
const SHARES: u32 = 16;
/// The longest time that a share may be used for.
const LONGEST_SHARE: SignedDuration = SignedDuration::from_secs(60);

impl Windows {
    /// The windows of a source that several processes ask, its rate among them.
    pub fn shared(limits: &Limits) -> Windows {
        let rate = limits.requests_per_second.filter(|rate| *rate > 0.0).map(|rate| {
            let requests = (rate * 10.0).floor().max(1.0);
            let per = Duration::try_from_secs_f64(requests / rate).unwrap_or(Duration::MAX);
            Window { requests: requests as u32, per: per.into() }
        });
        let all: Vec<Window> = limits.windows.iter().cloned().chain(rate).collect();
        Windows::of(&all)
    }

    /// Books the next share, of no less than `cost`, at the first moment from `now` on. It counts as used at its end, so
    /// whenever its owner uses it no window holds more than it may; an owner that dies wastes no more than a share.
    pub fn share(&mut self, now: Timestamp, cost: u32) -> Share {
        let least = self.0.iter().map(|window| window.requests / SHARES).min().unwrap_or(0);
        let life = self.0.iter().map(|window| window.per / SHARES as i32).min().unwrap_or(LONGEST_SHARE);
        let requests = least.max(cost);
        let from = self.room(now, requests);
        let until = from.checked_add(life.min(LONGEST_SHARE)).unwrap_or(Timestamp::MAX);
        self.take(now, until, requests);
        Share { from, until, requests }
    }
}

#[cfg(test)]
mod tests;
