//! Many streams, one budget: which stream to poll when there are fewer calls than streams that would use one.
//!
//! The index rule makes streams comparable: each poll has a price in seconds of delay, and a stream is due when a poll
//! saves that much. So when calls are short the planner raises one common price for all streams of the source, and each
//! stream answers with the later moment at which a poll is worth it ([`super::next_at_price`]); at a common price the
//! last call spent on any stream saves the same delay, which is the optimum of the shared budget (the Lagrangian of Azar
//! et al. 2018). Among streams that are due together the one goes first in which most changes are likely waiting; a
//! stream near its `max_staleness` goes before all others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Due;
use super::state::{millis, seconds};
use crate::pipeline::Limits;

/// What all streams of a source may spend together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Calls in any window.
    pub calls: u32,
    /// Length of the window, seconds.
    pub window: f64,
}

impl Budget {
    /// The stricter of what a source allows a day and a second; none where it allows anything.
    pub fn of(limits: &Limits) -> Option<Self> {
        const DAY: f64 = 86_400.0;
        const MINUTE: f64 = 60.0;
        let daily = limits.calls_per_day.map(|calls| Self { calls, window: DAY });
        let rate = limits.requests_per_second.filter(|rate| *rate > 0.0);
        // Slower than one a minute is counted over as long as it takes.
        let steady = rate.map(|rate| {
            let window = MINUTE.max(1.0 / rate);
            Self { calls: (rate * window) as u32, window }
        });
        let rate = |budget: &Self| f64::from(budget.calls) / budget.window;
        [daily, steady].into_iter().flatten().min_by(|a, b| rate(a).total_cmp(&rate(b)))
    }
}

/// What is left of a budget, and what a call is worth. Advice: a lost one is begun anew, a fiftieth of it full.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Purse {
    /// Calls that may be made at once; below zero after a poll that took more than it used to.
    pub calls: f64,
    /// When that was counted, seconds since 1970.
    pub at: f64,
    /// Seconds of delay that a call must save.
    pub price: f64,
}

/// A moment or a rank that orders in a heap.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rank(f64);

impl Eq for Rank {}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A stream that waits for its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Rank,
    stream: u32,
    worth: Rank,
    deadline: Rank,
}

/// Schedules the streams of one source. Streams are numbers of the caller's choosing; each is offered once after each
/// of its visits and taken when it may be polled.
#[derive(Clone, Debug)]
pub struct Planner {
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Streams that are due, by deadline; an entry whose turn has passed is void.
    urgent: BinaryHeap<Reverse<(Rank, u32, u32)>>,
    /// The same streams by what a poll is worth.
    ready: BinaryHeap<(Rank, Reverse<u32>, u32)>,
    /// How often each stream was taken.
    turns: Vec<u32>,
    /// Calls of one poll of each stream, as far as it is known.
    costs: Vec<u32>,
    /// Calls that the next stream waits for.
    needed: f64,
    /// Streams that are due and not taken.
    queued: usize,
    budget: Option<Budget>,
    burst: f64,
    tokens: f64,
    filled: f64,
    price: f64,
}

/// Share of the budget that may be spent at once.
const BURST: f64 = 0.02;
/// The price follows the store of calls within about this time, seconds, and no sooner than the store fills so many
/// times: a price that outruns it swings, and leaves calls unspent.
const RESPONSE: f64 = 1200.0;
const FILLS: f64 = 4.0;
/// Seconds that are less than any clock tells.
const EXACT: f64 = 1e-6;
const CHEAPEST: f64 = 0.01;
const DEAREST: f64 = 1e7;
/// A stream is taken at least this share of its wait before its `max_staleness`, at most half of it.
const EARLY: f64 = 0.1;
/// Void entries of a queue that are not worth clearing away.
const VOID: usize = 1024;

impl Planner {
    /// A planner without streams. No budget means that every stream is taken when it is due.
    pub fn new(budget: Option<Budget>) -> Self {
        let burst = budget.map_or(1.0, |budget| (f64::from(budget.calls) * BURST).floor().max(1.0));
        Self {
            waiting: BinaryHeap::new(),
            urgent: BinaryHeap::new(),
            ready: BinaryHeap::new(),
            turns: Vec::new(),
            costs: Vec::new(),
            needed: 1.0,
            queued: 0,
            budget,
            burst,
            tokens: burst,
            filled: f64::NEG_INFINITY,
            price: CHEAPEST,
        }
    }

    /// A planner that goes on with what an earlier one had left.
    pub fn resume(budget: Option<Budget>, purse: Option<Purse>) -> Self {
        let mut planner = Self::new(budget);
        if let Some(purse) = purse.filter(|purse| purse.calls.is_finite() && purse.at.is_finite()) {
            planner.tokens = purse.calls.min(planner.burst);
            planner.filled = purse.at;
            planner.price = purse.price.clamp(CHEAPEST, DEAREST);
        }
        planner
    }

    /// What is left of the budget; none where there is no budget.
    pub fn purse(&self) -> Option<Purse> {
        self.budget?;
        Some(Purse { calls: self.tokens, at: self.filled, price: self.price })
    }

    /// The common price of a call, seconds of delay: give it to [`super::next_at_price`].
    pub fn price(&self) -> f64 {
        if self.budget.is_some() && self.price > CHEAPEST { self.price } else { 0.0 }
    }

    /// Streams that were offered and not yet taken.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.queued
    }

    /// Whether no stream waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands in a stream that is due at `due`, and must be polled by `deadline` (its last look plus `max_staleness`).
    pub fn offer(&mut self, stream: u32, due: &Due, deadline: Option<Timestamp>, now: Timestamp) {
        let now = seconds(now.as_millisecond());
        let at = seconds(due.at.as_millisecond());
        let limit = deadline.map_or(f64::INFINITY, |limit| seconds(limit.as_millisecond()));
        let early = limit - self.ahead((limit - now).max(0.0));
        // A floor is never undercut: only a stream that its ceiling holds back comes earlier.
        let at = if limit.is_finite() && at >= limit && !due.stale { early } else { at };
        let known = self.turns.len().max(stream as usize + 1);
        self.turns.resize(known, 0);
        self.costs.resize(known, 1);
        let worth = -(1.0 - due.probability).max(1e-9).ln();
        let early = if limit.is_finite() { early } else { f64::INFINITY };
        self.waiting.push(Reverse(Waiting {
            at: Rank(at),
            stream,
            worth: Rank(worth),
            deadline: Rank(early),
        }));
    }

    /// How long before its `max_staleness`, `wait` seconds away, a stream begins to go before others: where calls are few,
    /// as long as it takes to poll each stream once, since they may all be waiting for theirs.
    fn ahead(&self, wait: f64) -> f64 {
        let round = self.rate().map_or(0.0, |rate| self.turns.len() as f64 / rate);
        (wait * EARLY).max(round).min(wait / 2.0)
    }

    /// The stream to poll at `now`, if one is due and the calls that it takes are left.
    pub fn take(&mut self, now: Timestamp) -> Option<u32> {
        let now = seconds(now.as_millisecond());
        self.wake(now);
        self.refill(now);
        let stream = self.most_urgent(now).or_else(|| self.most_worth())?;
        let cost = f64::from(self.costs[stream as usize]);
        // A poll that takes more than may ever be spent at once is made on credit.
        self.needed = cost.min(self.burst);
        if self.budget.is_some() {
            if self.tokens < self.needed {
                return None;
            }
            self.tokens -= cost;
        }
        self.turns[stream as usize] += 1;
        self.queued -= 1;
        Some(stream)
    }

    /// Says how many calls a poll of a stream will take, as far as is known.
    pub fn expect(&mut self, stream: u32, calls: u32) {
        if let Some(cost) = self.costs.get_mut(stream as usize) {
            *cost = calls.max(1);
        }
    }

    /// Takes in how many calls the poll of a stream that was taken made.
    pub fn settle(&mut self, stream: u32, calls: u32) {
        if let (Some(_), Some(cost)) = (self.budget, self.costs.get(stream as usize)) {
            self.tokens += f64::from(*cost) - f64::from(calls);
        }
    }

    /// When `take` may next give a stream; none if no stream waits.
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let now = seconds(now.as_millisecond());
        let due = if self.queued == 0 { self.waiting.peek()?.0.at.0 } else { now };
        let call = now + self.rate().map_or(0.0, |rate| (self.needed - self.tokens).max(0.0) / rate);
        // To the millisecond for a stream; a little late for a call, whose fraction may be rounded away.
        let due = ((due - EXACT) * 1000.0).ceil() as i64;
        let wake = if call > now { due.max(millis(call) + 1) } else { due };
        Timestamp::from_millisecond(wake).ok()
    }

    fn wake(&mut self, now: f64) {
        while let Some(Reverse(first)) =
            self.waiting.peek().copied().filter(|first| first.0.at.0 <= now + EXACT)
        {
            self.waiting.pop();
            let turn = self.turns[first.stream as usize];
            self.queued += 1;
            self.ready.push((first.worth, Reverse(first.stream), turn));
            if first.deadline.0.is_finite() {
                self.urgent.push(Reverse((first.deadline, first.stream, turn)));
            }
        }
        self.clear_void();
    }

    /// A stream that is taken leaves an entry in the other queue, which void ones must not fill: where calls are short
    /// some never come to its top.
    fn clear_void(&mut self) {
        let most = 2 * self.queued + VOID;
        if self.urgent.len() > most {
            self.urgent.retain(|Reverse((_, stream, turn))| self.turns[*stream as usize] == *turn);
        }
        if self.ready.len() > most {
            self.ready.retain(|(_, Reverse(stream), turn)| self.turns[*stream as usize] == *turn);
        }
    }

    /// The stream with the earliest deadline, if that has come.
    fn most_urgent(&mut self, now: f64) -> Option<u32> {
        while let Some(&Reverse((deadline, stream, turn))) = self.urgent.peek() {
            if self.turns[stream as usize] == turn {
                return (deadline.0 <= now).then_some(stream);
            }
            self.urgent.pop();
        }
        None
    }

    fn most_worth(&mut self) -> Option<u32> {
        while let Some(&(_, Reverse(stream), turn)) = self.ready.peek() {
            if self.turns[stream as usize] == turn {
                return Some(stream);
            }
            self.ready.pop();
        }
        None
    }

    /// Calls a second. With a store of `burst` calls, any window sees at most `burst + rate * window` rounded up less
    /// one, which is the budget.
    fn rate(&self) -> Option<f64> {
        let budget = self.budget?;
        Some((f64::from(budget.calls) - self.burst + 1.0).max(0.0) / budget.window)
    }

    /// Fills the store, and moves the price: up while the store is less than half full or streams queue, else down.
    fn refill(&mut self, now: f64) {
        let Some(rate) = self.rate() else { return };
        // Neither a first look nor a clock that was set back has let any time pass.
        let passed = if self.filled.is_finite() { (now - self.filled).max(0.0) } else { 0.0 };
        self.filled = now;
        self.tokens = (self.tokens + rate * passed).min(self.burst);
        let queue = (self.queued as f64 / self.burst).min(0.5);
        let pressure = 0.5 - self.tokens / self.burst + queue;
        let response = RESPONSE.max(FILLS * self.burst / rate);
        self.price = (self.price * (pressure * passed / response).exp()).clamp(CHEAPEST, DEAREST);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::simulate::moment;
    use super::super::{CadenceSpec, State, next};
    use super::*;

    /// A stream that is due `wait` seconds after `now`, though hardly anything new will be there.
    fn due(now: f64, wait: f64) -> Due {
        let due = next(&State::new(0), &CadenceSpec::default(), moment(now));
        Due { at: moment(now + wait), probability: 1e-6, ..due }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_window_holds_more_calls_than_the_budget_whatever_polls_take(
            calls in 1u32..600,
            waits in proptest::collection::vec((0.0..300.0f64, 1u32..9), 1..12),
            stops in proptest::collection::vec(0.0..4000.0f64, 0..4),
        ) {
            let budget = Some(Budget { calls, window: 3600.0 });
            let mut planner = Planner::resume(budget, None);
            let most = (f64::from(calls) * BURST).floor().max(1.0) as u32;
            let cost = |stream: u32| waits[stream as usize].1.min(most);
            let offer = |planner: &mut Planner, stream: u32, now: f64| {
                planner.offer(stream, &due(now, waits[stream as usize].0), None, moment(now));
                planner.expect(stream, cost(stream));
            };
            (0..waits.len() as u32).for_each(|stream| offer(&mut planner, stream, 0.0));
            let (mut now, mut made) = (0.0, Vec::new());
            while now < 10_000.0 {
                if stops.iter().any(|stop| *stop > now && *stop < now + 1.0) {
                    planner = Planner::resume(budget, planner.purse());
                    (0..waits.len() as u32).for_each(|stream| offer(&mut planner, stream, now));
                }
                if let Some(stream) = planner.take(moment(now)) {
                    planner.settle(stream, cost(stream));
                    made.push((now, cost(stream)));
                    offer(&mut planner, stream, now);
                } else {
                    let wake = planner.next_wake(moment(now)).expect("streams wait");
                    now = wake.duration_since(moment(0.0)).as_secs_f64().max(now + 0.001);
                }
            }
            for (index, (from, _)) in made.iter().enumerate() {
                let within = made[index..].iter().take_while(|(at, _)| *at < from + 3600.0 - 1e-6);
                prop_assert!(within.map(|(_, calls)| calls).sum::<u32>() <= calls);
            }
            prop_assert!(!made.is_empty());
        }
    }

    #[test]
    fn a_poll_that_took_more_than_it_used_to_is_charged() {
        let mut planner = Planner::new(Some(Budget { calls: 1000, window: 1000.0 }));
        planner.offer(0, &due(0.0, 0.0), None, moment(0.0));
        assert_eq!(planner.take(moment(0.0)), Some(0));
        planner.settle(0, 51);
        planner.offer(0, &due(0.0, 0.0), None, moment(0.0));
        assert_eq!(planner.take(moment(1.0)), None);
        let wake = planner.next_wake(moment(1.0)).expect("it waits").duration_since(moment(0.0));
        // 20 at once, 51 taken, 0.981 come back each second.
        assert!((32.0..33.5).contains(&wake.as_secs_f64()), "{wake}");
    }

    #[test]
    fn streams_that_were_never_polled_go_before_all_that_may_have_nothing_new() {
        let mut planner = Planner::new(Some(Budget { calls: 10, window: 1000.0 }));
        planner.offer(0, &Due { probability: 0.99, ..due(0.0, 0.0) }, None, moment(0.0));
        planner.offer(1, &next(&State::new(1), &CadenceSpec::default(), moment(0.0)), None, moment(0.0));
        assert_eq!((planner.take(moment(1.0)), planner.take(moment(1.0))), (Some(1), None));
    }

    #[test]
    fn what_is_void_does_not_pile_up() {
        let mut planner = Planner::new(Some(Budget { calls: 3600, window: 3600.0 }));
        let hour = |now: f64| Some(moment(now + 3600.0));
        let lively = |now: f64| Due { probability: 0.9, ..due(now, 0.0) };
        (0..100).for_each(|stream| planner.offer(stream, &lively(0.0), hour(0.0), moment(0.0)));
        let (mut now, mut taken) = (0.0, vec![0u32; 100]);
        while now < 40.0 * 3600.0 {
            while let Some(stream) = planner.take(moment(now)) {
                taken[stream as usize] += 1;
                // One half is worth so little that only its deadline brings it to its turn.
                let next = if stream < 50 { lively(now) } else { due(now, 0.0) };
                planner.offer(stream, &next, hour(now), moment(now));
            }
            now += 1.0;
        }
        assert!(taken.iter().all(|&taken| taken >= 39), "{taken:?}");
        let most = 2 * 100 + VOID;
        assert!(planner.ready.len() <= most && planner.urgent.len() <= most, "{planner:?}");
    }

    #[test]
    fn the_stricter_limit_of_a_source_is_its_budget() {
        let limits = |calls_per_day, requests_per_second| Limits {
            calls_per_day,
            requests_per_second,
            ..Limits::default()
        };
        assert_eq!(Budget::of(&limits(None, None)), None);
        assert_eq!(Budget::of(&limits(Some(500), Some(10.0))), Some(Budget { calls: 500, window: 86_400.0 }));
        assert_eq!(Budget::of(&limits(None, Some(2.0))), Some(Budget { calls: 120, window: 60.0 }));
        assert_eq!(
            Budget::of(&limits(Some(1_000_000), Some(0.001))),
            Some(Budget { calls: 1, window: 1000.0 })
        );
    }
}
